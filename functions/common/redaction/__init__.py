"""Card numbers, Aadhaar, PAN, one-time passwords, e-mail addresses and phone numbers out of what is kept of a call."""

from functions.common.redaction.documents import redacted_event, redacted_result
from functions.common.redaction.rules import ALL, Rule, Rules, Span, find, redact

__all__ = ["ALL", "Rule", "Rules", "Span", "find", "redact", "redacted_event", "redacted_result"]
