"""ElevenLabs' messages as a codec: what the server says as events, what we say first, no I/O (elevenlabs.md A2)."""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from relay.agents.seam import (
    UNREADABLE,
    AgentCorrection,
    AgentText,
    CallerText,
    CallInfo,
    Notice,
    ToolCall,
    UtteranceDone,
    malformed,
)
from relay.audio.convert import AudioFormat, Encoding

_decode_json: Final = msgspec.json.Decoder().decode
_encode_json: Final = msgspec.json.Encoder().encode

FORMATS: Final = {f"pcm_{hz}": AudioFormat(Encoding.PCM, hz) for hz in (8000, 16000, 22050, 24000, 44100, 48000)} | {
    "ulaw_8000": AudioFormat(Encoding.ULAW, 8000)
}


@dataclass(frozen=True, slots=True)
class Metadata:
    """The first event: the conversation's id and the formats, None where we don't know them."""

    conversation_id: str
    heard: AudioFormat | None
    spoken: AudioFormat | None
    named: str


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Agent speech before it is known whether an interruption has overtaken it."""

    data: bytes
    event_id: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke over what had `event_id` or less."""

    event_id: int | None


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered at once, whatever `ping_ms` says."""

    event_id: int


@dataclass(frozen=True, slots=True)
class HangingUp:
    """The agent ran `end_call`: it will close."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A place in the queue of an agent at its limit: `waiting`, `admitted` or `timed_out`."""

    status: str


Decoded = (
    Metadata
    | AudioChunk
    | Interrupted
    | Ping
    | HangingUp
    | Queued
    | UtteranceDone
    | AgentText
    | AgentCorrection
    | CallerText
    | ToolCall
    | Notice
)


def decode(text: bytes) -> Decoded | None:
    """One server message; None for what we have no use for. Never raises: what can't be read is a Notice."""
    try:
        message = _decode_json(text)
        reader = _READERS.get(message["type"])
        return reader(message) if reader else None
    except UNREADABLE as error:
        return malformed(error)


def _metadata(message: Mapping[str, Any]) -> Metadata:
    event = message["conversation_initiation_metadata_event"]
    # the JavaScript client takes pcm_16000 when the input format is missing (elevenlabs.md A2.3)
    heard = event.get("user_input_audio_format") or "pcm_16000"
    spoken = event.get("agent_output_audio_format") or "pcm_16000"
    return Metadata(
        str(event["conversation_id"]), FORMATS.get(heard), FORMATS.get(spoken), f"hears {heard}, speaks {spoken}"
    )


def _audio(message: Mapping[str, Any]) -> AudioChunk:
    event = message["audio_event"]
    data = binascii.a2b_base64(event.get("audio_base_64") or b"")
    return AudioChunk(data, int(event["event_id"]), event.get("is_final") is True)


def _interruption(message: Mapping[str, Any]) -> Interrupted:
    event_id = (message.get("interruption_event") or {}).get("event_id")
    return Interrupted(None if event_id is None else int(event_id))


def _agent_text(message: Mapping[str, Any]) -> AgentText:
    event = message["agent_response_event"]
    return AgentText(str(event["agent_response"]).strip(), str(event.get("event_id", "")))


def _correction(message: Mapping[str, Any]) -> AgentCorrection:
    event = message["agent_response_correction_event"]
    return AgentCorrection(str(event["corrected_agent_response"]).strip(), str(event.get("event_id", "")))


def _tool_call(message: Mapping[str, Any]) -> ToolCall:
    call = message["client_tool_call"]
    parameters = call.get("parameters")
    return ToolCall(
        str(call["tool_call_id"]), str(call["tool_name"]), parameters if isinstance(parameters, dict) else {}
    )


def _tool_response(message: Mapping[str, Any]) -> HangingUp | None:
    response = message["agent_tool_response"]
    return HangingUp() if response.get("tool_name") == "end_call" and not response.get("is_error") else None


def _error(message: Mapping[str, Any]) -> Notice:
    # `error` and `client_error` are two names of one thing (elevenlabs.md A2.3)
    event = message.get("error_event") or {}
    parts = (event.get(key) for key in ("code", "error_type", "error_name", "message", "reason"))
    return Notice("error", " ".join(str(part) for part in parts if part)[:300])


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Decoded | None]]] = {
    "conversation_initiation_metadata": _metadata,
    "audio": _audio,
    "interruption": _interruption,
    "ping": lambda message: Ping(int(message["ping_event"]["event_id"])),
    "agent_response": _agent_text,
    "agent_response_correction": _correction,
    "agent_response_complete": lambda message: UtteranceDone(
        str((message.get("agent_response_complete_event") or {}).get("event_id", ""))
    ),
    "user_transcript": lambda message: CallerText(str(message["user_transcription_event"]["user_transcript"]).strip()),
    "client_tool_call": _tool_call,
    "agent_tool_response": _tool_response,
    "queue_status": lambda message: Queued(str((message.get("queue_status_event") or {}).get("status", ""))),
    "error": _error,
    "client_error": _error,
}


def initiation(call: CallInfo) -> bytes:
    """The first message we send: the call as dynamic variables, the line's own parameters on top."""
    # `system__` names are the vendor's own; sending one ends the conversation before it begins (elevenlabs.md A4)
    variables = {name: value for name, value in call.variables.items() if not name.startswith("system__")}
    return _encode_json({"type": "conversation_initiation_client_data", "dynamic_variables": variables})


class LateAudio:
    """Which audio an interruption has overtaken.

    Ids below the highest interruption are stale. The interrupted id itself is stale only if some of its audio came
    before: a reply may reuse the id of the interruption that made room for it (elevenlabs.md A2.5).
    """

    def __init__(self) -> None:
        self._watermark = -1
        self._latest = -1
        self._stale_at_watermark = False

    def interrupted(self, event_id: int | None) -> None:
        """Note an interruption; without an id it is taken to mean what was heard last.

        One with a lower id than before (the vendor stops its typing sounds that way) makes nothing more stale.
        """
        overtaken = self._latest if event_id is None else event_id
        if overtaken >= self._watermark:
            self._watermark = overtaken
            self._stale_at_watermark = self._latest >= overtaken

    def admits(self, event_id: int) -> bool:
        """Whether audio that arrives now with `event_id` may be played."""
        if event_id < self._watermark or (event_id == self._watermark and self._stale_at_watermark):
            return False
        self._latest = max(self._latest, event_id)
        return True
