"""The data kept of a call: its events, and the record made from the last one (docs/contracts.md)."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Final

import msgspec

from common.masking import mask_text
from common.phone import to_e164
from relay.agents.roster import AgentSpec
from relay.audio.speech_level import SpeechLevel

SCHEMA: Final = 1
TOOLS_KEPT: Final = 500  # uses of tools per call
ARGUMENTS_KEPT: Final = 2000  # characters of each


def timestamp(at: datetime) -> str:
    """RFC 3339, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EndReason(StrEnum):
    """Why a stream ended."""

    CALLER_HUNG_UP = "caller_hung_up"
    LINE_LOST = "line_lost"
    LINE_STALLED = "line_stalled"
    AGENT_ENDED = "agent_ended"
    TRANSFERRED = "transferred"
    AGENT_FAILED = "agent_failed"
    UNKNOWN_AGENT = "unknown_agent"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TIME_LIMIT = "time_limit"
    REJECTED = "rejected"
    CALLER_SILENT = "caller_silent"
    SHUTDOWN = "shutdown"
    REPLACED = "replaced"
    OPERATOR_ENDED = "operator_ended"

    @property
    def ended_by(self) -> str:
        """Who ended it."""
        return _ENDED_BY.get(self, "relay")


_ENDED_BY: Final = {
    EndReason.CALLER_HUNG_UP: "caller",
    EndReason.LINE_LOST: "line",
    EndReason.LINE_STALLED: "line",
    EndReason.REPLACED: "line",
    EndReason.AGENT_ENDED: "agent",
    EndReason.TRANSFERRED: "agent",
    EndReason.OPERATOR_ENDED: "operator",
}


WISH: Final = {"target": 200, "reason": 1000, "summary": 8000}
"""What a Transfer has, and of how many characters each is at most."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The request to connect the caller to a human."""

    target: str
    reason: str
    summary: str

    def as_json(self) -> dict[str, str]:
        """The `transfer` of events."""
        return asdict(self)


@dataclass(slots=True)
class AgentEntry:
    """One agent's time on the call, as in the record."""

    agent: AgentSpec
    started_at: datetime
    conversation_id: str | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    end_detail: str = ""
    level: SpeechLevel | None = None
    """Of the agent's speech as far as it was played, which may go on for a while after the agent has ended."""

    def ended(self, at: datetime, reason: str, detail: str = "") -> None:
        """The agent's time is over."""
        self.ended_at, self.end_reason, self.end_detail = at, reason, detail

    def as_json(self) -> dict[str, Any]:
        """An entry of `agents`."""
        return {
            **agent_json(self.agent),
            "conversation_id": self.conversation_id,
            "started_at": timestamp(self.started_at),
            "ended_at": timestamp(self.ended_at) if self.ended_at else None,
            "end_reason": self.end_reason,
            "end_detail": self.end_detail,
            "level_db": self.level.meter.level_db if self.level else None,
            "clipped": self.level.meter.clipped if self.level else 0,
            "gain_db": round(self.level.gain_db, 1) if self.level else 0.0,
        }


@dataclass(frozen=True, slots=True)
class Spread:
    """Distribution of `n` measurements: half of them are at most `p50`, 95 in 100 at most `p95`."""

    p50: int
    p95: int
    max: int
    n: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread | None":
        """None if there are none."""
        if not values:
            return None
        ranked = sorted(values)
        p50, p95 = (ranked[ceil(share * len(ranked)) - 1] for share in (0.5, 0.95))
        return cls(p50, p95, ranked[-1], len(ranked))

    def as_json(self) -> dict[str, int]:
        """As in events and records."""
        return {"p50": self.p50, "p95": self.p95, "max": self.max, "n": self.n}


@dataclass(slots=True)
class ToolEntry:
    """One use of a tool. `status`: `done`, `error`, `taken back`, or the HTTP status of an HTTP tool.

    `arguments`: as the model wrote them, as JSON, with people's numbers masked.
    """

    name: str
    at: datetime
    arguments: str
    status: str = ""
    took_ms: int | None = None

    def done(self, at: datetime, status: str) -> None:
        """It has finished, or nobody waits for it any more."""
        self.took_ms = round((at - self.at).total_seconds() * 1000)
        self.status = status

    def as_json(self) -> dict[str, Any]:
        """An entry of `tools`."""
        return {
            "name": self.name,
            "at": timestamp(self.at),
            "ms": self.took_ms,
            "status": self.status,
            "arguments": self.arguments,
        }


@dataclass(frozen=True, slots=True)
class LookupEntry:
    """The look-up before the greeting. `outcome`: `ok`, `partly`, or why there is no answer (relay.call.lookup)."""

    ms: int
    outcome: str
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """The `lookup` of events and records."""
        return asdict(self)


@dataclass(slots=True)
class Quality:
    """The call's quality in numbers. None if there is nothing to measure."""

    first_audio_ms: int | None = None
    answer_ms: Spread | None = None
    agent_connect_ms: int | None = None
    frames_in: int = 0
    frames_out: int = 0
    gaps: int = 0
    gap_ms: int = 0
    interruptions: int = 0
    failed_turns: int = 0
    clear_ms_max: float | None = None
    late_audio_dropped_ms: int = 0
    caller_audio_dropped_ms: int = 0
    caller_gap_ms: int = 0
    caller_lost: int = 0
    caller_level_db: float | None = None
    caller_clipped: int = 0
    ambience_level_db: float | None = None
    echo_ms: int | None = None
    echo_db: float | None = None
    echo_muted_ms: int = 0
    malformed: int = 0
    unknown_events: int = 0
    dtmf: int = 0
    marks_lost: int = 0
    lead_ms: int | None = None
    """What the line held ahead of real time at the end."""
    line_ms: dict[str, int] | None = None
    """p50 and p95 of how long after its moment we heard that a sound had been played: there and back."""
    line_late_ms: int = 0
    """The latest that the line was found to be after the network had stood still."""

    def as_json(self) -> dict[str, Any]:
        """The `quality` of events and records."""
        return asdict(self)


@dataclass(slots=True)
class CallFacts:
    """The fields that all events of one stream share."""

    call_sid: str
    stream_sid: str
    from_number: str
    to_number: str
    started_at: datetime
    clock: Callable[[], float]
    """The event loop's clock: times inside a call don't jump when somebody sets the machine's."""
    agents_version: str = ""
    """Of the agents' file (relay.lineup)."""
    traceparent: str = ""
    """W3C trace context of the call, where it is traced."""
    agents: list[AgentEntry] = field(default_factory=list)
    """Every agent that the call was given to, in order."""
    tools: tuple[ToolEntry, ...] = ()
    """Uses of tools, the first TOOLS_KEPT of them."""
    lookup: LookupEntry | None = None
    """What became of the look-up, where one was made."""
    tags: tuple[str, ...] = ()
    """What the look-up calls this call."""
    _began_at: float = 0.0

    def __post_init__(self) -> None:
        self._began_at = self.clock()

    def now(self) -> datetime:
        """The current time, computed from `started_at` and the loop's clock."""
        return self.started_at + timedelta(seconds=self.elapsed_s)

    @property
    def elapsed_s(self) -> float:
        """Seconds since `started_at`."""
        return self.since_start_s(self.clock())

    @property
    def began_at(self) -> float:
        """`started_at` by the event loop's clock."""
        return self._began_at

    def since_start_s(self, time: float) -> float:
        """`time` of the event loop's clock as seconds since `started_at`."""
        return time - self._began_at

    def vendor_of(self, utterance: str) -> str:
        """The vendor whose agent said it: utterances of the call's n-th agent begin with `a{n}u` (see Conversation)."""
        number = int(utterance[1 : utterance.index("u")])
        return self.agents[number - 1].agent.vendor

    def note_tool(self, name: str, parameters: Mapping[str, object]) -> ToolEntry:
        """An agent calls a tool."""
        arguments = mask_text(msgspec.json.encode(parameters, enc_hook=str).decode())[:ARGUMENTS_KEPT]
        entry = ToolEntry(name[:80], self.now(), arguments)
        if len(self.tools) < TOOLS_KEPT:
            self.tools = (*self.tools, entry)
        return entry

    def event(self, kind: str, **more: Any) -> dict[str, Any]:
        """An event as it is posted; `kind`: `started`, `transfer_requested` or `ended`, or a whole type."""
        last = self.agents[-1] if self.agents else None
        return {
            "type": kind if "." in kind else f"call.{kind}",
            "event_id": uuid.uuid4().hex,
            "call_sid": self.call_sid,
            "stream_sid": self.stream_sid,
            "at": timestamp(self.now()),
            "from": self.from_number,
            "to": self.to_number,
            "agent": agent_json(last.agent) if last else None,
            "conversation_id": last.conversation_id if last else None,
            "agents_version": self.agents_version,
            **({"traceparent": self.traceparent} if self.traceparent else {}),
            **more,
        }


def agent_json(agent: AgentSpec) -> dict[str, Any]:
    """An agent as events and records name it."""
    masked = {"keys_masked": True} if agent.mask_keys else {}
    return {"alias": agent.alias, "vendor": agent.vendor, "id": agent.id, **masked}


def record_of(ended: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a call of which only its `call.ended` is known."""
    envelope = {"type", "event_id", "at"}
    transfer = ended["transfer"]
    return {
        "schema": SCHEMA,
        **{key: value for key, value in ended.items() if key not in envelope},
        **{side: to_e164(ended[side]) or ended[side] or None for side in ("from", "to")},
        "transfer": {"state": "requested", **transfer, "attempts": []} if transfer else None,
        "tools": ended.get("tools", []),
        "commands": ended.get("commands", []),
        "lookup": ended.get("lookup"),
        "tags": ended.get("tags", []),
        "analysis": None,
        "charges": [],
        "cost": None,
        "vendor_version": None,
        "recording": None,
        "streams": [],
        "sources": ["relay"],
    }
