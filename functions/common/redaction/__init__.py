"""Removes card numbers, Aadhaar, PAN, one-time passwords, e-mail addresses and phone numbers from what is stored of
calls.
"""

from functions.common.redaction.documents import redacted_event, redacted_result
from functions.common.redaction.rules import ALL, Rule, Rules, Span, find, redact

__all__ = ["ALL", "Rule", "Rules", "Span", "find", "redact", "redacted_event", "redacted_result"]
