"""What a check found: one line for a person, one object for a pipeline."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from console.checks.subject import Subject


class Verdict(StrEnum):
    """`skipped` is for what could not be looked at, and says what would be needed; it is never a silent pass."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One line of the report. Neither text holds a secret or a whole phone number."""

    check: str
    """Its stable name, `part.what` ("agent.client_events"): what pipelines and the documentation refer to."""
    verdict: Verdict
    found: str
    """A sentence: what was looked at and what was there."""
    advice: str = ""
    """A sentence: what to do. Never empty where the verdict is warn or fail."""

    def __post_init__(self) -> None:
        if self.verdict in {Verdict.WARN, Verdict.FAIL} and not self.advice:
            raise ValueError(f"{self.check}: a {self.verdict} needs advice")


Part = Callable[[Subject], AsyncIterator[Finding]]
"""A group of checks, one module each: yields findings as they are known, and never raises on what it meets outside."""
