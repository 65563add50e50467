"""Deepgram Voice Agent over its WebSocket (other-agents.md B2)."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType

from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentEvent,
    AgentText,
    Audio,
    CallerText,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    ToolCall,
    UtteranceDone,
)
from relay.agents.session import ENDED, LATE_SECONDS, Failed, SocketSession, read
from relay.agents.socket import AgentSocket, Binary
from relay.agents.tool_descriptions import END_CALL, describe, parse_arguments
from relay.agents.vendor import Agent, HostedOptions, api_key, read_options, socket_base
from relay.audio.convert import AudioFormat
from relay.settings import Settings

KEEP_ALIVE: Final = 8.0  # seconds without audio after which the vendor wants to hear that we are still there
_ROLES: Final = {"caller": "user", "agent": "assistant"}


class DeepgramOptions(HostedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a Deepgram agent; its `id` is only a name for the record."""

    language: str = "en"
    listen_model: str = "nova-3"
    think_provider: str = "open_ai"
    think_model: str = "gpt-4o-mini"
    speak_model: str = "aura-2-thalia-en"
    api_key_env: str = "DEEPGRAM_API_KEY"
    base_url: str = "https://agent.deepgram.com"


# --- codec: messages to events, no I/O ---


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's first word: now it wants the settings."""

    request_id: str


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """Now it wants audio."""


@dataclass(frozen=True, slots=True)
class AgentSays:
    """A sentence that the agent is about to speak."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentSpeaks:
    """Audio of a new turn follows."""


@dataclass(frozen=True, slots=True)
class AgentAudioDone:
    """All audio of the turn was sent; may not come for one that was spoken over."""


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """Nothing the agent said so far is to be played any more."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A tool for us to run. `arguments`: JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class FunctionCancelled:
    """The result is not wanted any more."""

    call_id: str


Message = dict[str, Any]


def decode(text: bytes) -> list[Any]:
    """The events of one text message, none for what we have no use for. Never raises."""
    return read(text, _read)


def _read(message: Message) -> Iterator[Any]:
    reader = _READERS.get(message["type"])
    if reader is not None:
        yield from reader(message)


def _conversation_text(message: Message) -> Iterable[Any]:
    text = message["content"].strip()
    return (CallerText(text) if message["role"] == "user" else AgentSays(text),)


def _functions(message: Message) -> Iterable[Any]:
    # those that are not client_side the vendor calls by itself
    return [
        FunctionCall(function["id"], function["name"], function["arguments"])
        for function in message["functions"]
        if function.get("client_side", True)
    ]


_READERS: Final[Mapping[str, Callable[[Message], Iterable[Any]]]] = {
    "Welcome": lambda message: (Welcome(message["request_id"]),),
    "SettingsApplied": lambda message: (SettingsApplied(),),
    "ConversationText": _conversation_text,
    "AgentStartedSpeaking": lambda message: (AgentSpeaks(),),
    "AgentAudioDone": lambda message: (AgentAudioDone(),),
    "UserStartedSpeaking": lambda message: (CallerSpeaks(),),
    "FunctionCallRequest": _functions,
    "FunctionCallCancelled": lambda message: [FunctionCancelled(function["id"]) for function in message["functions"]],
    "InjectionRefused": lambda message: (Notice("injection_refused", str(message.get("message", ""))[:200]),),
    "Warning": lambda message: (
        Notice("warning", f"{message.get('code', '')} {message.get('description', '')}"[:300]),
    ),
    "Error": lambda message: (Failed(str(message["code"]).lower(), str(message.get("description", ""))[:300]),),
}


def settings_message(options: DeepgramOptions, call: CallInfo) -> dict[str, Any]:
    """The first message we send: sound as the line has it, and who the agent is."""
    rate_hz = call.line.rate_hz
    agent: dict[str, Any] = {
        "listen": {"provider": {"type": "deepgram", "model": options.listen_model, "language": options.language}},
        "think": {
            "provider": {"type": options.think_provider, "model": options.think_model},
            "prompt": options.instructions(call),
            "functions": describe(options.tools, options.transfer_targets),
        },
        "speak": {"provider": {"type": "deepgram", "model": options.speak_model}},
    }
    # the greeting is fixed text here: without words of its own for a takeover the agent uses the usual ones
    if greeting := options.first_words(call) or options.greeting:
        agent["greeting"] = greeting
    if call.said_so_far:
        turns = [{"type": "History", "role": _ROLES[said.speaker], "content": said.text} for said in call.said_so_far]
        agent["context"] = {"messages": turns}
    return {
        "type": "Settings",
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": rate_hz},
            # without `none` the sound comes with a WAV header, which is heard as a click
            "output": {"encoding": "linear16", "sample_rate": rate_hz, "container": "none"},
        },
        "agent": agent,
    }


# --- session: the codec on a socket ---


class DeepgramSession(SocketSession):
    """One conversation (see seam.AgentSession). Audio has no ids here: an utterance is a turn that we count."""

    def __init__(self, http: aiohttp.ClientSession, options: DeepgramOptions, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._line: AudioFormat | None = None
        self._turn = 0
        self._in_turn = False
        self._late_until = 0.0
        self._functions: dict[str, str] = {}  # names of the calls that wait for our answer
        self._sent_at = 0.0
        self._keep_alive: asyncio.TimerHandle | None = None
        self._keeping_alive: asyncio.Task[None] | None = None

    async def connect(self, call: CallInfo) -> Formats:
        """Open, wait to be welcomed, introduce ourselves; no audio before that was accepted."""
        socket = self._socket = await AgentSocket.open(
            self._http,
            f"{socket_base(self._options.base_url)}/v1/agent/converse",
            headers={"Authorization": f"Token {self._key}"},
        )
        self.conversation_id = (await self._await(socket, Welcome, "Welcome")).request_id
        await self._send(settings_message(self._options, call))
        await self._await(socket, SettingsApplied, "SettingsApplied")
        self._line = call.line
        self._sent_at = self._loop.time()
        self._watch_silence()
        return Formats(call.line, call.line)

    async def send_audio(self, data: bytes) -> None:
        """As a binary message."""
        assert self._socket is not None
        self._sent_at = self._loop.time()
        await self._socket.send(data, WSMsgType.BINARY)

    async def send_keys(self, keys: str) -> None:
        """As a message of the caller's."""
        text = f"[The caller pressed on the phone's keypad: {keys}]"
        await self._send({"type": "InjectUserMessage", "content": text})

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """Answer a function call, unless it was cancelled."""
        name = self._functions.pop(call_id, None)
        if name is not None:
            content = f"error: {result}" if is_error else result
            await self._send({"type": "FunctionCallResponse", "id": call_id, "name": name, "content": content})

    async def close(self) -> None:
        """Close the socket and stop the timer."""
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        if self._keeping_alive is not None:
            await asyncio.wait([self._keeping_alive])
        await super().close()

    def _decode(self, message: bytes) -> list[Any]:
        return [message] if isinstance(message, Binary) else decode(message)

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case Binary():
                return self._audio(decoded)
            case AgentSays(text):
                self._begin_turn()
                return (AgentText(text, str(self._turn)),)
            case AgentSpeaks():
                self._begin_turn()
            case AgentAudioDone():
                return self._audio_done()
            case CallerSpeaks():
                # late sound of the old turn can't be told from new sound: nothing is let through until the agent's
                # next turn is announced, or so late that it can't be a leftover
                self._in_turn = False
                self._late_until = self._loop.time() + LATE_SECONDS
                return (Interruption(),)
            case FunctionCall():
                return await self._function(decoded)
            case FunctionCancelled(call_id):
                self._functions.pop(call_id, None)
            case Failed(reason, text):
                return (Ended(by_agent=False, reason=reason, detail=text),)
            case CallerText() | Notice():
                return (decoded,)
        return ()

    def _begin_turn(self) -> None:
        self._late_until = 0.0
        if not self._in_turn:
            self._in_turn = True
            self._turn += 1

    def _audio(self, data: bytes) -> tuple[AgentEvent, ...]:
        assert self._line is not None
        if self._late_until > self._loop.time():
            return self._late(len(data), self._line)
        self._begin_turn()
        return (Audio(data, str(self._turn)),)

    def _audio_done(self) -> tuple[AgentEvent, ...]:
        if self._quiet_at is not None:
            return (ENDED,)
        if not self._in_turn:
            return ()
        self._in_turn = False
        return (UtteranceDone(str(self._turn)),)

    async def _function(self, call: FunctionCall) -> tuple[AgentEvent, ...]:
        if call.name == END_CALL:
            self._hang_up()
            return ()
        self._functions[call.call_id] = call.name
        arguments = parse_arguments(call.arguments)
        if arguments is None:
            await self.answer_tool(call.call_id, "the arguments must be a JSON object", is_error=True)
            return ()
        return (ToolCall(call.call_id, call.name, arguments),)

    def _watch_silence(self) -> None:
        """KeepAlive is for a line from which nothing comes; one that streams silence needs none."""
        silent_s = self._loop.time() - self._sent_at
        if silent_s >= KEEP_ALIVE:
            self._keeping_alive = asyncio.create_task(self._send({"type": "KeepAlive"}))
            silent_s = 0.0
        self._keep_alive = self._loop.call_later(KEEP_ALIVE - silent_s, self._watch_silence)


def configure(spec: AgentSpec, settings: Settings) -> Agent:
    """Raises SettingError."""
    options = read_options(spec, DeepgramOptions, settings)
    key = api_key(spec, options.api_key_env, settings)
    return lambda context: DeepgramSession(context.http, options, key)
