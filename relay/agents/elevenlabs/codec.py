"""Codec for ElevenLabs' messages: events from the server, and the first message to it; no I/O (elevenlabs.md A2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from common.proof import VARIABLE
from relay.agents.overrides import Overrides
from relay.agents.reading import Message, Reader, read_by_type, sound_of
from relay.agents.seam import (
    AgentCorrection,
    AgentText,
    CallerHeard,
    CallerText,
    CallInfo,
    Notice,
    ToolCall,
    UtteranceDone,
    Working,
    as_text,
)
from relay.audio.convert import AudioFormat, Encoding

_encode_json: Final = msgspec.json.Encoder().encode

FORMATS: Final = {f"pcm_{hz}": AudioFormat(Encoding.PCM, hz) for hz in (8000, 16000, 22050, 24000, 44100, 48000)} | {
    "ulaw_8000": AudioFormat(Encoding.ULAW, 8000)
}


@dataclass(frozen=True, slots=True)
class Metadata:
    """The first event: the conversation's id and the formats, None for unknown ones."""

    conversation_id: str
    heard: AudioFormat | None
    spoken: AudioFormat | None
    named: str


class AudioChunk(msgspec.Struct, frozen=True, gc=False, rename={"data": "audio_base_64"}):
    """Agent speech, before checking whether an interruption has made it stale."""

    data: bytes
    event_id: int
    is_final: bool = False


class _AudioMessage(msgspec.Struct, gc=False):
    audio_event: AudioChunk
    type: Literal["audio"]


_decode_audio: Final = msgspec.json.Decoder(_AudioMessage).decode
_LONG: Final = 500  # bytes: most sound is in longer messages, most of what else is said is not


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller interrupted everything with `event_id` or less."""

    event_id: int | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer at once, regardless of `ping_ms`."""

    event_id: int


@dataclass(frozen=True, slots=True)
class HangingUp:
    """The agent ran `end_call`: it will close."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The agent is at its limit, and the call in its queue: `waiting`, `admitted` or `timed_out`."""

    status: str


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """A tool of an MCP server that needs our approval."""

    call_id: str
    tool: str


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """A tool call that is invalid: answer it with `problem`."""

    call_id: str
    problem: str


def decode(text: bytes) -> list[Any]:
    """The events of one server message, none if it does not matter here. Never raises."""
    if len(text) > _LONG:
        try:
            return [_decode_audio(text).audio_event]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return read_by_type(text, READERS, IGNORED)


def _metadata(message: Message) -> Iterable[Any]:
    event = message["conversation_initiation_metadata_event"]
    # the JavaScript client takes pcm_16000 when the input format is missing (elevenlabs.md A2.3)
    heard = event.get("user_input_audio_format") or "pcm_16000"
    spoken = event.get("agent_output_audio_format") or "pcm_16000"
    named = f"hears {heard}, speaks {spoken}"
    return (Metadata(str(event["conversation_id"]), FORMATS.get(heard), FORMATS.get(spoken), named),)


def _audio(message: Message) -> Iterable[Any]:
    event = message["audio_event"]
    data = sound_of(event.get("audio_base_64") or "")
    return (AudioChunk(data, int(event["event_id"]), event.get("is_final") is True),)


def _interruption(message: Message) -> Iterable[Any]:
    event_id = (message.get("interruption_event") or {}).get("event_id")
    return (Interrupted(None if event_id is None else int(event_id)),)


def _agent_text(message: Message) -> Iterable[Any]:
    event = message["agent_response_event"]
    return (AgentText(str(event["agent_response"]).strip(), str(event.get("event_id", ""))),)


def _correction(message: Message) -> Iterable[Any]:
    event = message["agent_response_correction_event"]
    return (AgentCorrection(str(event["corrected_agent_response"]).strip(), str(event.get("event_id", ""))),)


def _tool_call(message: Message) -> Iterable[Any]:
    call = message["client_tool_call"]
    call_id, name, parameters = str(call["tool_call_id"]), call.get("tool_name"), call.get("parameters")
    if not name:
        return (ToolRefused(call_id, "the call names no tool"),)
    if parameters is not None and not isinstance(parameters, dict):
        return (ToolRefused(call_id, "the parameters must be a JSON object"),)
    return (ToolCall(call_id, str(name), parameters or {}),)


def _tool_request(message: Message) -> Iterable[Any]:
    """The agent's own tools, during which it may be silent; ours are announced by client_tool_call."""
    request = message["agent_tool_request"]
    return () if request.get("tool_type") in {"client", "system"} else (Working(str(request.get("tool_name", ""))),)


def _tool_response(message: Message) -> Iterable[Any]:
    response = message.get("agent_tool_response") or message["agent_tool_response_full_payload"]
    if response.get("tool_name") == "end_call" and not response.get("is_error"):
        return (HangingUp(),)
    return (Working(str(response.get("tool_name", "")), done=True),)


def _mcp_call(message: Message) -> Iterable[Any]:
    call = message["mcp_tool_call"]
    tool = str(call.get("tool_name", ""))
    match call.get("state"):
        case "awaiting_approval":
            return (ApprovalWanted(str(call["tool_call_id"]), tool),)
        case "loading":
            return (Working(tool),)
    return (Working(tool, done=True),)


def _error(message: Message) -> Iterable[Any]:
    # `error` and `client_error` mean the same (elevenlabs.md A2.3)
    event = message.get("error_event") or {}
    parts = (event.get(key) for key in ("code", "error_type", "error_name", "message", "reason"))
    return (Notice("error", " ".join(str(part) for part in parts if part)[:300]),)


READERS: Final[Mapping[str, Reader]] = {
    "conversation_initiation_metadata": _metadata,
    "audio": _audio,
    "interruption": _interruption,
    "ping": lambda message: (Ping(int(message["ping_event"]["event_id"])),),
    "agent_response": _agent_text,
    "agent_response_correction": _correction,
    "agent_response_complete": lambda message: (
        UtteranceDone(str((message.get("agent_response_complete_event") or {}).get("event_id", ""))),
    ),
    "user_transcript": lambda message: (
        CallerText(str(message["user_transcription_event"]["user_transcript"]).strip()),
    ),
    "tentative_user_transcript": lambda message: (CallerHeard(),),
    "client_tool_call": _tool_call,
    "agent_tool_request": _tool_request,
    "agent_tool_response": _tool_response,
    "agent_tool_response_full_payload": _tool_response,
    "mcp_tool_call": _mcp_call,
    "guardrail_triggered": lambda message: (Notice("guardrail", "the agent's guardrail was triggered"),),
    "queue_status": lambda message: (Queued(str((message.get("queue_status_event") or {}).get("status", ""))),),
    "error": _error,
    "client_error": _error,
}

IGNORED: Final[Mapping[str, str]] = {
    "agent_chat_response_part": "text chat only; agent_response has the whole",
    "agent_reasoning_response_part": "not said aloud",
    "agent_response_metadata": "nothing in it that a caller hears",
    "agent_typing": "text chat only",
    "asr_initiation_metadata": "concerns only the agent's speech recognition",
    "context_usage": "concerns only ElevenLabs' own tokens",
    "dtmf_request": "a Voicebot line has no way to send keys to the caller's side",
    "external_agent_connected": "text chat only",
    "external_agent_disconnected": "text chat only",
    "internal_tentative_agent_response": "internal",
    "internal_turn_probability": "internal",
    "mcp_connection_status": "a tool that can't be reached says so when it is called",
    "rich_content": "text chat only",
    "vad_score": "interruption says what it means",
}
"""What the server says that needs nothing of us, and why."""

CONFIG: Final = "conversation_config_override"
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "first_message": ("agent", "first_message"),
    "prompt": ("agent", "prompt", "prompt"),
    "language": ("agent", "language"),
    "voice": ("tts", "voice_id"),
    "speed": ("tts", "speed"),
}
"""Where an override stands in `conversation_config_override`."""


def initiation(call: CallInfo) -> bytes:
    """The first message we send: the call, the line's own parameters and the look-up's results as dynamic variables,
    the proof that the conversation belongs to the call, and the overrides.
    """
    variables: dict[str, Any] = {**call.variables}
    variables |= {name: value for name, value in call.given.items() if variables.get(name) == as_text(value)}
    # `system__` names are reserved; sending one ends the conversation before it begins (elevenlabs.md A4)
    variables = {name: value for name, value in variables.items() if not name.startswith("system__")}
    variables.pop(VARIABLE, None)
    if call.proof:
        variables[VARIABLE] = call.proof
    message: dict[str, Any] = {**call.overrides.initiation, "type": "conversation_initiation_client_data"}
    if config := config_override(call.overrides):
        message[CONFIG] = config
    return _encode_json({**message, "dynamic_variables": variables})


def config_override(overrides: Overrides) -> dict[str, Any]:
    """The overrides in ElevenLabs' format (elevenlabs.md A2.2); empty: none."""
    found = overrides.initiation.get(CONFIG)
    config: dict[str, Any] = {**found} if isinstance(found, dict) else {}
    for name, value in overrides.given().items():
        config = _with(config, PLACES[name], value)
    return config


def _with(config: Mapping[str, Any], place: tuple[str, ...], value: str | float) -> dict[str, Any]:
    head, *rest = place
    below = config.get(head)
    return {**config, head: _with(below if isinstance(below, dict) else {}, tuple(rest), value) if rest else value}
