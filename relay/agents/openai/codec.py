"""OpenAI Realtime's messages as a codec: what the server says as events, no I/O (other-agents.md B1)."""

import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.openai.requests import A_LAW, MU_LAW, REPLY_IDS, WIDE
from relay.agents.seam import CallerHeard, CallerText, CallerTurn, Notice
from relay.agents.session import Failed, FunctionCall, Message, Reader, read_by_type
from relay.audio.convert import AudioFormat, Encoding

# An error of these kinds leaves nothing to go on with; the others are remarks, two of them not even worth a line.
_FATAL: Final = frozenset(
    {"insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached", "session_expired"}
)
_HARMLESS: Final = frozenset({"response_cancel_not_active"})
_ALREADY_REPLYING: Final = "conversation_already_has_active_response"


@dataclass(frozen=True, slots=True)
class Created:
    """The server's first word; its id may be missing."""

    session_id: str | None


@dataclass(frozen=True, slots=True)
class Updated:
    """Settings are in force: the formats as the server names them, None where it says nothing."""

    heard: Mapping[str, Any] | None
    spoken: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """A response is being made."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Speech of one item of a response; `data` empty: that was all of it."""

    response_id: str
    item_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """What an item says: a piece of it, or at the end the `whole`."""

    response_id: str
    item_id: str
    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class FunctionNamed:
    """A function call begins; the message that completes it need not repeat the name."""

    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ReplyCall:
    """A tool that a response wants, unless it is cancelled."""

    response_id: str
    call: FunctionCall


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """The caller began to speak; a running response is being cancelled by the server."""


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """A response is over: `completed`, `cancelled`, `failed` or `incomplete`, and why."""

    response_id: str
    status: str
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReplyRefused:
    """A reply that we asked for is not coming; with `busy` because another is being made."""

    busy: bool
    reason: str
    detail: str


def decode(text: bytes) -> list[Any]:
    """The events of one server message, none for what we have no use for. Never raises."""
    return read_by_type(text, READERS, IGNORED)


def _updated(message: Message) -> Iterable[Any]:
    audio = message["session"].get("audio") or {}
    return (Updated((audio.get("input") or {}).get("format"), (audio.get("output") or {}).get("format")),)


def _audio(message: Message) -> Iterable[Any]:
    data = binascii.a2b_base64(message["delta"])
    return (ReplyAudio(message["response_id"], message["item_id"], data),) if data else ()


def _words(message: Message) -> Iterable[Any]:
    whole = "transcript" in message
    text = str(message["transcript"] if whole else message["delta"])
    return (ReplyWords(message["response_id"], message["item_id"], text, whole),)


def _item(message: Message) -> Iterable[Any]:
    item = message["item"]
    if item.get("type") == "function_call" and item.get("call_id") and item.get("name"):
        yield FunctionNamed(item["call_id"], item["name"])


def _call(message: Message) -> Iterable[Any]:
    call = FunctionCall(message["call_id"], message.get("name") or "", message.get("arguments") or "")
    return (ReplyCall(message.get("response_id", ""), call),)


def _done(message: Message) -> Iterable[Any]:
    response = message["response"]
    details = response.get("status_details") or {}
    error = details.get("error") or {}
    code, text = _described(error)
    if response["status"] == "failed" and code in _FATAL:
        yield Failed(code, text)
    yield ReplyDone(response["id"], response["status"], code or str(details.get("reason") or ""), text)


def _error(message: Message) -> Iterable[Any]:
    error = message["error"]
    code, text = _described(error)
    if code in _FATAL:
        return (Failed(code, text),)
    if str(error.get("event_id") or "").startswith(REPLY_IDS):
        return (ReplyRefused(code == _ALREADY_REPLYING, code, text),)
    return () if code in _HARMLESS | {_ALREADY_REPLYING} else (Notice("error", text),)


def _described(error: Mapping[str, Any]) -> tuple[str, str]:
    """A short word for an error, and a line."""
    text = " ".join(str(error[key]) for key in ("type", "code", "message", "param") if error.get(key))[:300]
    return str(error.get("code") or error.get("type") or ""), text


READERS: Final[Mapping[str, Reader]] = {
    "session.created": lambda message: (Created(message["session"].get("id")),),
    "conversation.created": lambda message: (Created((message.get("conversation") or {}).get("id")),),
    "session.updated": _updated,
    "response.created": lambda message: (ReplyBegan(message["response"]["id"]),),
    "response.output_audio.delta": _audio,
    "response.output_audio.done": lambda message: (ReplyAudio(message["response_id"], message["item_id"], b""),),
    "response.output_audio_transcript.delta": _words,
    "response.output_audio_transcript.done": _words,
    "response.output_item.added": _item,
    "response.function_call_arguments.done": _call,
    "response.done": _done,
    "input_audio_buffer.speech_started": lambda message: (CallerSpeaks(),),
    "input_audio_buffer.speech_stopped": lambda message: (CallerHeard(),),
    "input_audio_buffer.committed": lambda message: (CallerTurn(message["item_id"]),),
    "conversation.item.input_audio_transcription.completed": lambda message: (
        CallerText(message["transcript"].strip(), message["item_id"]),
    ),
    "conversation.item.input_audio_transcription.failed": lambda message: (
        Notice("no_transcript", _described(message.get("error") or {})[1]),
    ),
    "error": _error,
}

IGNORED: Final[Mapping[str, str]] = {
    "conversation.item.added": "the events of the response and of the input buffer say it in time",
    "conversation.item.created": "older name of conversation.item.added",
    "conversation.item.done": "as conversation.item.added",
    "conversation.item.deleted": "answers what we never send",
    "conversation.item.retrieved": "answers what we never send",
    "conversation.item.truncated": "confirms what we said was heard",
    "conversation.item.input_audio_transcription.delta": "the record keeps whole turns",
    "conversation.item.input_audio_transcription.segment": "only for diarisation, which is not asked for",
    "input_audio_buffer.cleared": "answers what we never send",
    "input_audio_buffer.dtmf_event_received": "keys come from the line, not over SIP",
    "input_audio_buffer.timeout_triggered": "only with idle_timeout_ms, which is not set",
    "mcp_list_tools.completed": "no MCP server is configured",
    "mcp_list_tools.failed": "no MCP server is configured",
    "mcp_list_tools.in_progress": "no MCP server is configured",
    "ping": "Grok's; the socket is kept alive below it",
    "output_audio_buffer.cleared": "WebRTC and SIP only",
    "output_audio_buffer.started": "WebRTC and SIP only",
    "output_audio_buffer.stopped": "WebRTC and SIP only",
    "rate_limits.updated": "a limit that is reached fails a response, which is acted on",
    "response.content_part.added": "the deltas say it",
    "response.content_part.done": "the deltas say it",
    "response.function_call_arguments.delta": "a call is made when its arguments are complete",
    "response.mcp_call.completed": "no MCP server is configured",
    "response.mcp_call.failed": "no MCP server is configured",
    "response.mcp_call.in_progress": "no MCP server is configured",
    "response.mcp_call_arguments.delta": "no MCP server is configured",
    "response.mcp_call_arguments.done": "no MCP server is configured",
    "response.output_item.done": "response.done follows",
    "response.output_text.delta": "the output is sound only",
    "response.output_text.done": "the output is sound only",
}
"""What the server says that needs nothing of us, and why."""


def format_named(named: Mapping[str, Any] | None, asked: AudioFormat) -> AudioFormat | None:
    """A format as the server confirms it; what it leaves out is as asked. None: one that we don't know."""
    if not named:
        return asked
    match named.get("type"):
        case "audio/pcmu":
            return MU_LAW
        case "audio/pcma":
            return A_LAW
        case "audio/pcm":
            return AudioFormat(Encoding.PCM, int(named.get("rate") or WIDE.rate_hz))
    return None
