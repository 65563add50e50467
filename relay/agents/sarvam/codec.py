"""Codec for Sarvam's messages: events from the server, and messages to it; no I/O (other-agents.md B6)."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.reading import Message, Reader, read_by_type, sound_of
from relay.agents.sarvam.options import SarvamOptions
from relay.agents.seam import CallerHeard, CallerText, CallInfo
from relay.agents.vendor import fill

RATE_HZ: Final = 16_000


@dataclass(frozen=True, slots=True)
class Connected:
    """The conversation has begun."""

    interaction_id: str


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """Speech, may be empty; `done`: the end of it, `failed`: no more will come, though there should be."""

    data: bytes
    rate_hz: int
    done: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class AgentSays:
    """What the agent says."""

    text: str


@dataclass(frozen=True, slots=True)
class CallerCutIn:
    """Drop everything that the agent has said so far."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Expects a pong with the same number."""

    event_id: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent has ended the conversation."""


def decode(text: bytes) -> list[Any]:
    """The events of one message, none if it does not matter here. Never raises."""
    return read_by_type(text, READERS, IGNORED)


def _audio(message: Message) -> Iterable[Any]:
    status = message["status"]
    if status not in {"pending", "completed", "failed"}:
        raise ValueError(f"status {status!r:.50}")
    data = sound_of(message.get("audio_base64") or "")
    rate_hz = int(message.get("sample_rate") or RATE_HZ)
    return (AgentAudio(data, rate_hz, status == "completed", status == "failed"),)


def _transcription(message: Message) -> Iterable[Any]:
    text = message["content"].strip()
    if not text:
        return ()
    return (CallerText(text) if message["role"] == "user" else AgentSays(text),)


READERS: Final[Mapping[str, Reader]] = {
    "server.action.interaction_connected": lambda message: (Connected(str(message["interaction_id"])),),
    "server.action.interaction_end": lambda message: (Goodbye(),),
    "server.event.transcription": _transcription,
    "server.event.user_interrupt": lambda message: (CallerCutIn(),),
    "server.event.user_speech_end": lambda message: (CallerHeard(),),
    "server.media.audio_chunk": _audio,
    "server.system.ping": lambda message: (Ping(int(message["event_id"])),),
}

IGNORED: Final[Mapping[str, str]] = {
    "server.event.kb_query": "Sarvam looks things up by itself",
    "server.event.language_change": "the voice changes with it",
    "server.event.state_transition": "internal to the app",
    "server.event.tool_call": "Sarvam runs its tools itself; what this message holds is not documented",
    "server.event.user_speech_start": "user_interrupt is what the relay acts on",
    "server.event.variable_update": "internal to the app",
    "server.media.audio": "a voice note; calls have none",
    "server.media.text": "the transcription has the same words",
    "server.media.text_chunk": "the transcription has the same words",
}
"""What the server says that needs nothing of us, and why."""


def client_message(kind: str, **fields: Any) -> dict[str, Any]:
    """A message of ours."""
    return {"type": f"client.{kind}", "origin": "client", "timestamp": time.time(), **fields}


def interaction_start(options: SarvamOptions, call: CallInfo) -> dict[str, Any]:
    """The first message: data about the call for the agent, and how it begins."""
    greeting = fill((options.takeover if call.said_so_far else "") or options.greeting, call)
    chosen = {"initial_language_name": options.language_name, "initial_bot_message": greeting}
    said = {name: value for name, value in chosen.items() if value}
    return client_message("action.interaction_start", agent_variables=call.variables, **said)
