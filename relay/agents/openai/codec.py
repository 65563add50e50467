"""Codec for OpenAI Realtime's messages: events from the server; no I/O (other-agents.md B1, B4b)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.openai.events import IGNORED, OLDER_NAMES
from relay.agents.openai.requests import A_LAW, MU_LAW, REPLY_IDS, WIDE
from relay.agents.reading import Failed, FunctionCall, Message, Reader, read_by_type, sound_of
from relay.agents.seam import CallerHeard, CallerText, CallerTurn, Notice
from relay.audio.convert import AudioFormat, Encoding

# Errors of these kinds end the conversation; others are only noted, and two of them not even logged.
_FATAL: Final = frozenset(
    {"insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached", "session_expired"}
)
_HARMLESS: Final = frozenset({"response_cancel_not_active"})
_ALREADY_REPLYING: Final = "conversation_already_has_active_response"


@dataclass(frozen=True, slots=True)
class Created:
    """The server's first message; its id may be missing."""

    session_id: str | None


@dataclass(frozen=True, slots=True)
class Updated:
    """The settings were accepted: the server's formats, None if it names none."""

    heard: Mapping[str, Any] | None
    spoken: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """A response is being made."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Speech of one item of a response; `data` empty: the end of it."""

    response_id: str
    item_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """The text of an item: a piece of it, or at the end the `whole`."""

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
    """A tool call of a response, unless it is cancelled."""

    response_id: str
    call: FunctionCall


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """The caller began to speak; the server cancels a running response."""


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """A response is over: `completed`, `cancelled`, `failed` or `incomplete`, and why."""

    response_id: str
    status: str
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReplyRefused:
    """A requested reply will not come; with `busy` because another is being made."""

    busy: bool
    reason: str
    detail: str


def decode(text: bytes) -> list[Any]:
    """The events of one server message, none if it does not matter here. Never raises."""
    return read_by_type(text, READERS, IGNORED)


def _updated(message: Message) -> Iterable[Any]:
    session = message["session"]
    if "output_audio_format" in session:
        return (Updated(*_flat_formats(session)),)
    audio = session.get("audio") or {}
    return (Updated((audio.get("input") or {}).get("format"), (audio.get("output") or {}).get("format")),)


def _flat_formats(session: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """The formats of a flat session, in the usual structure."""
    for side in ("input", "output"):
        match str(session.get(f"{side}_audio_format") or ""):
            case "":
                yield None
            case "g711_ulaw":
                yield {"type": "audio/pcmu"}
            case "g711_alaw":
                yield {"type": "audio/pcma"}
            case "pcm16":
                yield {"type": "audio/pcm", "rate": session.get(f"{side}_audio_sampling_rate") or WIDE.rate_hz}
            case "pcm16_8000hz" | "pcm16_16000hz" as name:
                yield {"type": "audio/pcm", "rate": int(name[6:-2])}
            case name:
                yield {"type": name}


def _audio(message: Message) -> Iterable[Any]:
    data = sound_of(message["delta"])
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
    """A short word for an error, and a sentence."""
    text = " ".join(str(error[key]) for key in ("type", "code", "message", "param") if error.get(key))[:300]
    return str(error.get("code") or error.get("type") or ""), text


_READERS: Final[Mapping[str, Reader]] = {
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
    "warning": lambda message: (Notice("warning", _described(message["warning"])[1]),),
    "error": _error,
}
READERS: Final[Mapping[str, Reader]] = {**_READERS, **{older: _READERS[name] for older, name in OLDER_NAMES.items()}}


def format_named(named: Mapping[str, Any] | None, asked: AudioFormat) -> AudioFormat | None:
    """A format as the server confirms it; missing parts are as requested. None: an unknown one."""
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
