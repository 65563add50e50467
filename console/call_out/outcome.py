"""The outcome of each number of a list."""

from dataclasses import dataclass
from enum import StrEnum

from console.call_out.people import Callee
from console.exotel.facts import CallStatus


class Outcome(StrEnum):
    """The word in the results. The first five are ends of calls; such numbers are not called again."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    OPEN = "open"
    """A call was placed, and its end is not known yet: the next run with this journal looks again."""
    UNKNOWN = "unknown"
    """It is not known whether a call was placed."""
    REFUSED = "refused"
    """Exotel placed none, and said why."""
    DO_NOT_CALL = "do-not-call"
    NOT_CALLED = "not-called"
    """Its turn did not come."""

    @property
    def is_end(self) -> bool:
        """Nothing is left to do or to find out."""
        return self in ENDS or self is Outcome.DO_NOT_CALL


ENDS = frozenset({Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED, Outcome.CANCELED})
OF_STATUS = {
    CallStatus.COMPLETED: Outcome.ANSWERED,
    CallStatus.BUSY: Outcome.BUSY,
    CallStatus.NO_ANSWER: Outcome.NO_ANSWER,
    CallStatus.FAILED: Outcome.FAILED,
    CallStatus.CANCELED: Outcome.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the results. `duration_s`: of the conversation; `detail`: a sentence if the word needs one."""

    callee: Callee
    outcome: Outcome
    duration_s: int = 0
    call_sid: str = ""
    detail: str = ""
