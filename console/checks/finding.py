"""The result of a check: one line for people, one object for pipelines."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from console.checks.network import NoAnswerError
from console.checks.subject import Subject


class Verdict(StrEnum):
    """`skipped`: it could not be checked, and the text says what is missing; it is never a silent pass."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One line of the report. Neither text contains a secret or a full phone number."""

    check: str
    """Its stable name, `part.what` ("agent.client_events"): what pipelines and the documentation refer to."""
    verdict: Verdict
    found: str
    """A sentence: what was looked at and what was there."""
    advice: str = ""
    """A sentence: what to do. Never empty where the verdict is warn or fail."""
    cause: str = ""
    """What other checks fail of, too, such as a place that nobody answers at: told once, the others are skipped."""

    def __post_init__(self) -> None:
        if self.verdict in {Verdict.WARN, Verdict.FAIL} and not self.advice:
            raise ValueError(f"{self.check}: a {self.verdict} needs advice")


Part = Callable[[Subject], AsyncIterator[Finding]]
"""A group of checks, one module each: yields findings as they are known, and never raises on what it meets outside."""


def unanswered(check: str, who: str, error: NoAnswerError, advice: str, verdict: Verdict = Verdict.FAIL) -> Finding:
    """A finding that `who` did not answer.

    If not even a connection was possible, the advice is about that, whatever else was checked; else it is `advice`.
    """
    if not error.unreached:
        return Finding(check, verdict, f"{who} {error}", advice)
    reach = "Is it running there, and do the name, the port and the firewall allow connections from outside?"
    return Finding(check, verdict, f"{who} {error}", reach, cause=f"no answer at {error.unreached}")
