"""The seam between the relay and any voice agent (design D12): vendors differ only behind it.

An `AgentSession` is one conversation. The call makes it, may let it `prepare` while the line is still starting,
connects it, streams to it and reads its events until it ends; then it is closed and never used again.

Duties of every session, whatever its vendor does:

- Nothing but `prepare`, `reach`, `connect`, `give_up` and `close` is called before `connect` has returned: keys, tool
  answers and sound wait in the call. So `connect` returns only when the vendor takes all of them.
- An event is final when it is yielded, with one exception: a `ToolCall` with `settled=False` is an announcement.
  What can't be undone (`end_call`, `transfer_to_human`) is done only once `TurnDone` has confirmed it, or nothing has
  contradicted it until the agent's words were heard. `ToolCancelled` takes it back.
- `end_call` is a ToolCall like any other. The session goes on reading and yields no `Ended` for it: the call lets the
  caller hear the goodbye, answers the tool with an error if the caller cuts in, and else closes the session.
  Only a vendor that hangs up by itself ends with `Ended`.
- The caller who has finished speaking waits for an answer from the last `CallerHeard`, `CallerTurn` or `CallerText` on:
  yield one of them as soon as the vendor gives a sign, because `answer_seconds` counts from it. Audio, a ToolCall,
  `Working` and `TurnDone` are answers.
- A turn that the vendor reports as failed is a `TurnFailed`: the call asks once more, then the next agent takes over.
- An error in a task or callback of the session's own ends with `Ended(by_agent=False, reason="defect")`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, runtime_checkable

import msgspec

from relay.agents.overrides import Overrides
from relay.audio.convert import AudioFormat

MAX_NOTE: Final = 2000  # characters


class AgentError(Exception):
    """The agent can't be reached. `reason`: a short word for metrics; the text is for people who read the log."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Said:
    """A turn of the conversation so far."""

    speaker: Literal["caller", "agent"]
    text: str

    def __str__(self) -> str:
        return f"{self.speaker}: {self.text}"


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What an agent gets to know of the call. Numbers as the line gave them.

    `said_so_far`: the transcript of earlier agents, if this one takes over from a failed one.
    """

    call_sid: str
    stream_sid: str
    from_number: str
    to_number: str
    line: AudioFormat
    custom_parameters: Mapping[str, str] = field(default_factory=dict)
    said_so_far: tuple[Said, ...] = ()
    given: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Variables that the look-up knew."""
    overrides: Overrides = Overrides()
    """What the look-up wants to be different; for the agent that a call begins with, not for one that takes over."""
    own_tools: tuple[Mapping[str, object], ...] = ()
    """`name`, `description` and `parameters` of the tools that the relay runs for this agent besides its own."""
    proof: str = field(default="", repr=False)
    """That a conversation belongs to this call (common.proof); for vendors whose account of it comes from elsewhere."""

    @property
    def recap(self) -> str:
        """What was said so far as text, one line per turn; empty for the first agent of a call."""
        return "\n".join(map(str, self.said_so_far))

    @property
    def variables(self) -> dict[str, str]:
        """The call as named texts, for agents whose prompt has places for them.

        Includes the line's own parameters and the look-up's results, which can't replace the relay's own values.
        """
        return {
            "name": "",
            **self.custom_parameters,
            **{name: as_text(value) for name, value in self.given.items()},
            "caller_number": self.from_number,
            "called_number": self.to_number,
            "call_sid": self.call_sid,
            "stream_sid": self.stream_sid,
            "recent_history": self.recap,
        }


def as_text(value: str | int | float | bool) -> str:
    """A variable as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def not_taken(names: Iterable[str], why: str) -> "list[Notice]":
    """For the log: overrides of the look-up that this agent does not support."""
    listed = ", ".join(names)
    return [Notice("override_not_taken", f"{listed}: {why}")] if listed else []


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTool:
    """A tool that a session provides: code in this process. `parameters`: JSON Schema of an object.

    `run` gets the parameters as the model wrote them and returns text for the model. It may raise: the text of a
    ValueError is sent to the model, anything else as a failure. `irreversible`: not before the agent's turn is final.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[[Mapping[str, Any]], Awaitable[str]]
    irreversible: bool = False

    def describe(self) -> Mapping[str, object]:
        """In the format of CallInfo.own_tools."""
        return {"name": self.name, "description": self.description, "parameters": self.parameters}


@dataclass(frozen=True, slots=True)
class Formats:
    """What the agent hears and what it speaks."""

    heard: AudioFormat
    spoken: AudioFormat


@dataclass(frozen=True, slots=True)
class Audio:
    """Agent speech in the spoken format, faster than real time. One `utterance` is one reply."""

    data: bytes
    utterance: str


@dataclass(frozen=True, slots=True)
class UtteranceDone:
    """All audio of `utterance` has been sent."""

    utterance: str


@dataclass(frozen=True, slots=True)
class Interruption:
    """The caller interrupted the agent: drop everything queued. Harmless if nothing is."""


@dataclass(frozen=True, slots=True)
class AgentText:
    """The text of `utterance`: what the agent means to say, not proof that it was heard."""

    text: str
    utterance: str


@dataclass(frozen=True, slots=True)
class AgentCorrection:
    """What the agent itself counts as said of `utterance` after an interruption; may be empty."""

    text: str
    utterance: str


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """The caller has said something whose text comes later, maybe after the answer: reserves its place."""

    utterance: str


@dataclass(frozen=True, slots=True)
class CallerText:
    """What the caller said, as the agent understood it. `utterance`: the CallerTurn it belongs to, if there was one."""

    text: str
    utterance: str = ""


@dataclass(frozen=True, slots=True)
class CallerHeard:
    """The vendor hears the caller speak or has noticed the end of it: the caller waits for an answer from now on.

    For vendors whose CallerTurn and CallerText come only with the answer; may be repeated.
    """


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The agent calls a tool; every call is answered with `answer_tool`, unless it is cancelled.

    `settled`: the vendor won't withdraw it. False for one that is announced while its turn may still be cancelled.
    """

    call_id: str
    name: str
    parameters: Mapping[str, object]
    settled: bool = True


@dataclass(frozen=True, slots=True)
class ToolCancelled:
    """The result is no longer wanted: don't do what has not been done yet. No answer is sent."""

    call_id: str


@dataclass(frozen=True, slots=True)
class TurnDone:
    """The agent's turn is complete and final, and so are its announced tool calls. Also for a turn without sound."""


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The vendor failed to make this turn: `reason`: a short word for metrics, `detail`: the vendor's own text.

    Not for a turn that was cancelled because the caller spoke.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Working:
    """The vendor runs one of its own tools; `done`: it has finished. Meanwhile the agent may be silent."""

    tool: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a log line: an error that did not end the conversation, a place in the queue.

    A `kind` of NOT_UNDERSTOOD is a warning.
    """

    kind: str
    text: str


NOT_UNDERSTOOD: Final = frozenset({"malformed", "unknown", "incomplete"})
"""Kinds of Notice that say that relay and vendor don't understand each other: one of them has changed."""


UNREADABLE: Final = (msgspec.DecodeError, RecursionError, ValueError, TypeError, LookupError, AttributeError)
"""What reading a vendor's message may raise, whatever is in it."""


def malformed(error: Exception) -> Notice:
    """For the log: a message that could not be read."""
    return Notice("malformed", f"{type(error).__name__}: {error}"[:200])


@dataclass(frozen=True, slots=True)
class Ended:
    """The conversation is over. `by_agent`: the agent ended it; otherwise it failed, and a fallback may take over.

    `reason`: a short word for metrics, `detail`: the vendor's text, close code first.
    """

    by_agent: bool
    reason: str
    detail: str = ""


AgentEvent = (
    Audio
    | UtteranceDone
    | Interruption
    | AgentText
    | AgentCorrection
    | CallerTurn
    | CallerText
    | CallerHeard
    | ToolCall
    | ToolCancelled
    | TurnDone
    | TurnFailed
    | Working
    | Notice
    | Ended
)


Take = Callable[[AgentEvent], Awaitable[None]]
"""Takes an event; what it returns is awaited before the next one (relay.at_once)."""


@runtime_checkable
class PassesEvents(Protocol):
    """A session that can do without `events`: a message's events are handled in the moment in which it arrives."""

    async def pass_events(self, take: Take) -> None:
        """Give each event to `take`, in the order of `events`, until the conversation has ended. Raises what `take`
        raises, and AgentError as `events` does.
        """
        ...


class AgentSession(Protocol):
    """One conversation with one agent."""

    conversation_id: str | None
    late_audio_ms: float
    """Audio dropped because it belonged to an interrupted utterance."""
    can_wait: bool
    """Its events need not be read for a while, because nobody behind it takes that for a dead line."""
    wants_each_key: bool
    """Keys one by one as they are pressed, for menus; otherwise whole entries, or an agent answers each digit."""
    tools: Sequence[FunctionTool]
    """Tools that this session brings along and the relay runs for it; none for most."""

    def stalled_for(self, now: float) -> float:
        """Seconds since the agent stopped reading, 0.0 while it reads."""
        ...

    def prepare(self) -> None:
        """Begin what can be done before the call is known. Must not block or raise."""
        ...

    def reach(self) -> None:
        """Begin to connect while the call's data is still being collected; `connect` follows soon.

        Must not block or raise: `connect` raises the error.
        """
        ...

    async def connect(self, call: CallInfo) -> Formats:
        """Open the conversation. Raises AgentError if that fails."""
        ...

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """Caller audio in the heard format, in real time, silence included.

        `async`, or without: then it returns DONE if it did not have to wait, else a Later (relay.at_once). That costs
        less, and the sound reaches the socket in the moment in which it came. Either is awaited before the next call.
        """
        ...

    async def send_keys(self, keys: str) -> None:
        """The caller pressed these keys (`0-9 * #`)."""
        ...

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """Answer a ToolCall; `result` is text for the agent."""
        ...

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """After an Interruption: how far the current utterance was heard. For vendors that need it."""
        ...

    async def heard(self, utterance: str) -> None:
        """The caller has heard `utterance` to its end. For bots that use marks."""
        ...

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """Something for the agent to know that nobody has said.

        With `reply` it speaks at once, as the text says; without, it continues: it is neither interrupted nor does it
        answer. False: this agent accepts no notes.
        """
        ...

    async def ask_again(self) -> bool:
        """After a TurnFailed: ask for the same turn once more. False: this vendor has no way to do that."""
        ...

    def events(self) -> AsyncIterator[AgentEvent]:
        """Events until and including `Ended`. Must be read without pause: reading answers the vendor's pings.

        Raises AgentError if the vendor sends more than any agent may (relay.agents.budget).
        """
        ...

    async def give_up(self, reason: str) -> None:
        """Treat the agent as dead: `events` ends with an `Ended` that has `reason`."""
        ...

    async def close(self) -> None:
        """End the conversation; bounded, never raises, may be called twice and at any time."""
        ...
