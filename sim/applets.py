"""The applets of a call's flow, and what they were seen to do: Passthru, Connect, Voicebot (exotel.md 2, 3).

A flow is a tree, as in Exotel's flow builder: each applet names what comes after each of its branches. `sim.flow` walks
through it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import msgspec

from sim.caller import Step

CONNECT_PATIENCE_S = 5.0
IST = timezone(timedelta(hours=5, minutes=30))
NO_END_TIME = "1970-01-01 05:30:00"  # what Exotel sends as EndTime of a call that still runs (exotel.md 2.1)


class Outcome(StrEnum):
    """The outcome of one dialled number, in Exotel's spelling of DialCallStatus."""

    ANSWERED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person at a number, who picks up or does not; times in seconds."""

    outcome: Outcome = Outcome.ANSWERED
    ring_s: float = 2.0
    talk_s: float = 3.0


NOBODY = Person(Outcome.NO_ANSWER, ring_s=20.0)


class Encoding(StrEnum):
    """How a Passthru carries the stream's result: `Stream[Status]=…` keys, or one `Stream` key holding JSON."""

    BRACKETS = "brackets"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Passthru:
    """Reports the state to a URL. `waits`: 200 goes on with `if_200`, 302 with `if_302`; else it goes on at once."""

    url: str
    method: str = "GET"
    encoding: Encoding = Encoding.BRACKETS
    waits: bool = True
    if_200: "Applet | None" = None
    if_302: "Applet | None" = None


@dataclass(frozen=True, slots=True)
class Connect:
    """Asks a URL whom to dial, and dials. `people` by E.164 number; other numbers don't answer."""

    url: str
    fallback_url: str = ""
    people: Mapping[str, Person] = field(default_factory=dict)
    event_method: str = "POST"
    tells_status: bool = True
    """Whether DialCallStatus is sent; some accounts get only CallType and durations."""
    if_answered: "Applet | None" = None
    if_nobody: "Applet | None" = None
    if_not_dialled: "Applet | None" = None


@dataclass(frozen=True, slots=True)
class Voicebot:
    """Leads back to the bot: another stream of the same call. `script`: what the caller does there. `url`: as in
    CallPlan; empty for the call's first one."""

    script: Sequence[Step] = ()
    url: str = ""
    then: "Applet | None" = None


Applet = Passthru | Connect | Voicebot
Converse = Callable[[Voicebot], Awaitable[Mapping[str, str] | None]]
"""Runs the stream of a Voicebot applet. Returns its result as a Passthru gets it; None if the caller hung up."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request Exotel made. `status` 0 means no answer in time or no connection; `took_s` on the loop's clock."""

    at: float
    applet: str
    method: str
    url: str
    status: int
    body: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One number dialled. `dialled_s`: ringing and talking together, as in DialCallDuration."""

    number: str
    outcome: Outcome
    talk_s: float
    dialled_s: float = 0.0


@dataclass(slots=True)
class FlowResult:
    """What the applets did. `transfer`: answered, nobody, not_dialled, or empty if no Connect ran."""

    exchanges: list[Exchange] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    transfer: str = ""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """The data about the call in every applet request. `stream`: as a Passthru reports it (exotel.md 2.1)."""

    call_sid: str
    from_: str
    to: str
    flow_id: str
    started: datetime
    stream: Mapping[str, str]

    def query(self) -> dict[str, str]:
        """Parameters common to all applets; times are IST without saying so."""
        return {
            "CallSid": self.call_sid,
            "CallFrom": self.from_,
            "CallTo": self.to,
            "Direction": "incoming",
            "Created": self.started.astimezone(IST).strftime("%a, %d %b %Y %H:%M:%S"),  # as seen live (exotel.md 2.1)
            "DialCallDuration": "0",
            "StartTime": _ist(self.started),
            "EndTime": NO_END_TIME,
            "CurrentTime": _ist(datetime.now(UTC)),
            "CallType": "call-attempt",
            "flow_id": self.flow_id,
            "From": self.from_,
            "To": self.to,
        }


def _ist(moment: datetime) -> str:
    return moment.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")
