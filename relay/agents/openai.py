"""OpenAI Realtime, in the shapes of its general availability (other-agents.md B1)."""

import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import aiohttp
from msgspec import Meta

from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentEvent,
    AgentText,
    Audio,
    CallerText,
    CallerTurn,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    ToolCall,
    UtteranceDone,
)
from relay.agents.session import ENDED, Failed, SocketSession, read
from relay.agents.socket import AgentSocket
from relay.agents.tool_descriptions import END_CALL, describe, parse_arguments
from relay.agents.vendor import Agent, HostedOptions, api_key, read_options, socket_base
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

DEFAULT_MODEL: Final = "gpt-realtime-2.1"
_TELEPHONE: Final = AudioFormat(Encoding.ULAW, 8000)
_WIDE: Final = AudioFormat(Encoding.PCM, 24000)  # PCM is spoken at this rate only
_ITEMS_KEPT: Final = 16  # replies of which we remember how much came; more are never waiting to be heard

# An error of these kinds leaves nothing to go on with; the others are remarks, two of them not even worth a line.
_FATAL: Final = frozenset(
    {"insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached", "session_expired"}
)
_HARMLESS: Final = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})


class OpenAIOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an OpenAI agent; its `id` is the model."""

    voice: str = "marin"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0
    language: str = ""
    """Of the caller, as ISO 639-1, for the transcript."""
    transcription_model: str = "gpt-4o-mini-transcribe"
    turn_detection: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    silence_ms: Annotated[int, Meta(ge=100, le=5000)] = 500
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    api_key_env: str = "OPENAI_API_KEY"
    base_url: str = "https://api.openai.com"


# --- codec: messages to events, no I/O ---


@dataclass(frozen=True, slots=True)
class Created:
    """The server's first word."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Updated:
    """Our settings are in force."""


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
class CallerSpeaks:
    """The caller began to speak; a running response is being cancelled by the server."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model wants a tool. `arguments`: JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """A response is over: `completed`, `cancelled`, `failed` or `incomplete`."""

    response_id: str
    status: str


Message = dict[str, Any]


def decode(text: bytes) -> list[Any]:
    """The events of one server message, none for what we have no use for. Never raises."""
    return read(text, _read)


def _read(message: Message) -> Iterator[Any]:
    reader = _READERS.get(message["type"])
    if reader is not None:
        yield from reader(message)


def _audio(message: Message) -> Iterable[Any]:
    data = binascii.a2b_base64(message["delta"])
    return (ReplyAudio(message["response_id"], message["item_id"], data),) if data else ()


def _words(message: Message) -> Iterable[Any]:
    whole = "transcript" in message
    text = str(message["transcript"] if whole else message["delta"])
    return (ReplyWords(message["response_id"], message["item_id"], text, whole),)


def _done(message: Message) -> Iterable[Any]:
    response = message["response"]
    error = (response.get("status_details") or {}).get("error") or {}
    if response["status"] == "failed":
        yield _problem(error)
    yield ReplyDone(response["id"], response["status"])


def _error(message: Message) -> Iterable[Any]:
    error = message["error"]
    return () if error.get("code") in _HARMLESS else (_problem(error),)


def _problem(error: Mapping[str, Any]) -> Failed | Notice:
    text = " ".join(str(error[key]) for key in ("type", "code", "message", "param") if error.get(key))[:300]
    code = str(error.get("code") or error.get("type") or "")
    return Failed(code, text) if code in _FATAL else Notice("error", text)


_READERS: Final[Mapping[str, Callable[[Message], Iterable[Any]]]] = {
    "session.created": lambda message: (Created(message["session"]["id"]),),
    "session.updated": lambda message: (Updated(),),
    "response.created": lambda message: (ReplyBegan(message["response"]["id"]),),
    "response.output_audio.delta": _audio,
    "response.output_audio.done": lambda message: (ReplyAudio(message["response_id"], message["item_id"], b""),),
    "response.output_audio_transcript.delta": _words,
    "response.output_audio_transcript.done": _words,
    "response.function_call_arguments.done": lambda message: (
        FunctionCall(message["call_id"], message["name"], message["arguments"]),
    ),
    "response.done": _done,
    "input_audio_buffer.speech_started": lambda message: (CallerSpeaks(),),
    "input_audio_buffer.committed": lambda message: (CallerTurn(message["item_id"]),),
    "conversation.item.input_audio_transcription.completed": lambda message: (
        CallerText(message["transcript"].strip(), message["item_id"]),
    ),
    "error": _error,
}


def session_update(model_options: OpenAIOptions, call: CallInfo, audio: AudioFormat) -> dict[str, Any]:
    """The settings of a session, everything said once."""
    options = model_options
    wire_format = {"type": "audio/pcmu"} if audio == _TELEPHONE else {"type": "audio/pcm", "rate": audio.rate_hz}
    transcription = {
        "model": options.transcription_model,
        **({"language": options.language} if options.language else {}),
    }
    detection: dict[str, object]
    if options.turn_detection == "server_vad":
        detection = {"threshold": options.threshold, "silence_duration_ms": options.silence_ms}
    else:
        detection = {"eagerness": options.eagerness}
    turns = {"type": options.turn_detection, **detection, "create_response": True, "interrupt_response": True}
    tools = [{"type": "function", **tool} for tool in describe(options.tools, options.transfer_targets)]
    return {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": options.instructions(call),
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": wire_format, "transcription": transcription, "turn_detection": turns},
                "output": {"format": wire_format, "voice": options.voice, "speed": options.speed},
            },
            "tools": tools,
            "tool_choice": "auto",
        },
    }


def _text_item(role: str, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": content}}


# --- session: the codec on a socket ---


class OpenAISession(SocketSession):
    """One conversation (see seam.AgentSession). An utterance is an item of the vendor's."""

    def __init__(self, http: aiohttp.ClientSession, options: OpenAIOptions, model: str, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._url = f"{socket_base(options.base_url)}/v1/realtime?model={quote(model)}"
        self._key = key
        self._format = _TELEPHONE
        self._running = ""  # the response being made
        self._stale: set[str] = set()  # responses that the caller has spoken over
        self._received: dict[str, int] = {}  # bytes of each item's speech
        self._words: dict[str, str] = {}  # of items whose text is not complete yet
        self._unanswered: set[str] = set()
        self._reply_wanted = False

    async def connect(self, call: CallInfo) -> Formats:
        """Open, settle the formats, say what was said before, and ask for the first words."""
        # on a telephone line μ-law both ways: a table instead of a resampler, and a sixth of the bytes
        self._format = _TELEPHONE if call.line.rate_hz == _TELEPHONE.rate_hz else _WIDE
        socket = self._socket = await AgentSocket.open(
            self._http, self._url, headers={"Authorization": f"Bearer {self._key}"}
        )
        self.conversation_id = (await self._await(socket, Created, "session.created")).session_id
        await self._send(session_update(self._options, call, self._format))
        await self._await(socket, Updated, "session.updated")
        if call.said_so_far:
            await self._send(_text_item("system", f"This was said on this call before you took over:\n{call.recap}"))
        if opening := self._options.opening(call):
            await self._send({"type": "response.create", "response": {"instructions": opening}})
        return Formats(self._format, self._format)

    async def send_audio(self, data: bytes) -> None:
        """Append to the input buffer; the server finds the turns in it."""
        assert self._socket is not None
        audio = binascii.b2a_base64(data, newline=False)
        await self._socket.send(b'{"type":"input_audio_buffer.append","audio":"%b"}' % audio)

    async def send_keys(self, keys: str) -> None:
        """As a message of the caller's."""
        await self._send(_text_item("user", f"[The caller pressed on the phone's keypad: {keys}]"))
        await self._reply()

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """Give the output of a tool; the model goes on once all it asked for are there."""
        output = f"error: {result}" if is_error else result
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._send({"type": "conversation.item.create", "item": item})
        self._unanswered.discard(call_id)
        await self._reply()

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """Cut the item that was playing to what was heard, and what waited behind it to nothing.

        More milliseconds than the server has sent would be an error (other-agents.md B1).
        """
        items = list(self._received)
        if utterance not in items:
            return
        for item_id in items[items.index(utterance) :]:
            received_ms = int(self._format.duration_ms(self._received.pop(item_id)))
            cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": min(heard_ms, received_ms)}
            await self._send({"type": "conversation.item.truncate", **cut})
            heard_ms = 0

    def _decode(self, message: bytes) -> list[Any]:
        return decode(message)

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case ReplyAudio(response_id, item_id, data):
                return self._audio(response_id, item_id, data)
            case ReplyWords():
                return self._text(decoded)
            case ReplyBegan(response_id):
                self._running = response_id
            case CallerSpeaks():
                return self._spoken_over()
            case FunctionCall():
                return await self._tool(decoded)
            case ReplyDone():
                return await self._reply_done(decoded)
            case Failed(reason, text):
                return (Ended(by_agent=False, reason=reason, detail=text),)
            case CallerTurn() | CallerText() | Notice():
                return (decoded,)
        return ()

    def _audio(self, response_id: str, item_id: str, data: bytes) -> tuple[AgentEvent, ...]:
        if response_id in self._stale:
            return self._late(len(data), self._format)
        if not data:
            return (UtteranceDone(item_id),)
        self._received[item_id] = self._received.get(item_id, 0) + len(data)
        if len(self._received) > _ITEMS_KEPT:
            del self._received[next(iter(self._received))]
        return (Audio(data, item_id),)

    def _text(self, words: ReplyWords) -> tuple[AgentEvent, ...]:
        if words.response_id in self._stale:
            return ()
        if not words.whole:
            self._words[words.item_id] = self._words.get(words.item_id, "") + words.text
            return ()
        self._words.pop(words.item_id, None)
        return (AgentText(words.text.strip(), words.item_id),)

    def _spoken_over(self) -> tuple[AgentEvent, ...]:
        if self._running:
            self._stale.add(self._running)
        return (*self._unsaid(), Interruption())

    def _unsaid(self) -> tuple[AgentEvent, ...]:
        """The words so far are all there will be of a reply that is cut short."""
        said = tuple(AgentText(text.strip(), item_id) for item_id, text in self._words.items())
        self._words.clear()
        return said

    async def _tool(self, call: FunctionCall) -> tuple[AgentEvent, ...]:
        if call.name == END_CALL:
            self._hang_up()
            return ()
        self._unanswered.add(call.call_id)
        arguments = parse_arguments(call.arguments)
        if arguments is None:
            await self.answer_tool(call.call_id, "the arguments must be a JSON object", is_error=True)
            return ()
        return (ToolCall(call.call_id, call.name, arguments),)

    async def _reply_done(self, done: ReplyDone) -> tuple[AgentEvent, ...]:
        self._stale.discard(done.response_id)
        if done.response_id == self._running:
            self._running = ""
        if self._quiet_at is not None:
            return (ENDED,)
        if self._reply_wanted:
            await self._reply()
        return ()

    async def _reply(self) -> None:
        """Ask for a reply, once nothing stands in its way: there can only be one at a time."""
        self._reply_wanted = bool(self._running or self._unanswered)
        if not self._reply_wanted:
            await self._send({"type": "response.create"})


def configure(spec: AgentSpec, settings: Settings) -> Agent:
    """Raises SettingError."""
    options = read_options(spec, OpenAIOptions, settings)
    key = api_key(spec, options.api_key_env, settings)
    return lambda context: OpenAISession(context.http, options, spec.id or DEFAULT_MODEL, key)
