"""Codec for Ultravox's messages: events from the server; no I/O (other-agents.md B8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.reading import Message, Reader, read_by_type
from relay.agents.seam import CallerText, Notice, ToolCall


class Up:
    """A sign that the server has begun: either of the two below."""


@dataclass(frozen=True, slots=True)
class Started(Up):
    """The call has begun."""

    call_id: str


@dataclass(frozen=True, slots=True)
class StateIs(Up):
    """The agent's state: `idle`, `listening`, `thinking`, `speaking`."""

    state: str


@dataclass(frozen=True, slots=True)
class AgentWords:
    """The agent's text: a piece of it, or the `whole` so far. `final`: no more comes for this `ordinal`."""

    ordinal: int
    text: str
    whole: bool
    final: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    """The caller cut in: what was not heard yet will not be heard."""


def decode(text: bytes) -> list[Any]:
    """The events of one text message, none if it does not matter here. Never raises."""
    return read_by_type(text, READERS, IGNORED)


def _transcript(message: Message) -> Iterable[Any]:
    whole = message.get("text") is not None
    text = str((message["text"] if whole else message.get("delta")) or "")
    if message["role"] == "agent":
        return (AgentWords(int(message["ordinal"]), text, whole, bool(message["final"])),)
    return (CallerText(text.strip()),) if message["final"] and text.strip() else ()


def _invocation(message: Message) -> Iterable[Any]:
    parameters = message["parameters"]
    if not isinstance(parameters, Mapping):
        raise TypeError("the parameters must be an object")
    # withdrawing a call is not documented, so irreversible tools wait until the turn is final
    return (ToolCall(str(message["invocationId"]), str(message["toolName"]), parameters, settled=False),)


READERS: Final[Mapping[str, Reader]] = {
    "call_started": lambda message: (Started(str(message["callId"])),),
    "state": lambda message: (StateIs(str(message["state"])),),
    "transcript": _transcript,
    "playback_clear_buffer": lambda message: (Cleared(),),
    "client_tool_invocation": _invocation,
    "debug": lambda message: (Notice("debug", str(message.get("message", ""))[:300]),),
}

IGNORED: Final[Mapping[str, str]] = {
    "call_event": "off unless asked for",
    "data_connection_tool_invocation": "only for tools of a data connection, which is not configured",
    "pong": "answers a message that we never send",
    "room_info": "WebRTC only",
    "tool_used": "off unless asked for",
}
"""What the server says that needs nothing of us, and why."""
