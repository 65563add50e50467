"""Gemini Live over its WebSocket (other-agents.md B3). One conversation may take several sockets, one after another."""

import asyncio
import binascii
from collections.abc import Iterable
from typing import Any, Final

import aiohttp

from relay.agents.gemini.codec import (
    CallerWords,
    GenerationComplete,
    GoAway,
    Handle,
    Interrupted,
    ModelAudio,
    ModelWords,
    SetupComplete,
    TurnComplete,
    decode,
    setup,
)
from relay.agents.gemini.options import DEFAULT_MODEL, GeminiOptions
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentError,
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
    UtteranceDone,
)
from relay.agents.session import ENDED, LATE_SECONDS, SocketSession, encode
from relay.agents.socket import AgentSocket, Closed
from relay.agents.vendor import Agent, api_key, read_options, socket_base
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

_PATH: Final = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_HEARD: Final = AudioFormat(Encoding.PCM, 16_000)
_SPOKEN: Final = AudioFormat(Encoding.PCM, 24_000)
_MOVE_BEFORE: Final = 5.0  # of the time that goAway leaves, what we keep for moving to the next socket
_RESUME_PAUSE: Final = 5.0  # a socket that lived for less was not worth resuming: the next agent is better
_GO_ON: Final = "[The connection was interrupted for a moment. Go on where you stopped.]"


class GeminiSession(SocketSession):
    """One conversation (see seam.AgentSession). An utterance is a turn of the model's, which we count."""

    def __init__(self, http: aiohttp.ClientSession, options: GeminiOptions, model: str, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._model = model
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._call: CallInfo | None = None
        self._handle = ""
        self._connected_at = 0.0
        self._moving: asyncio.Task[None] | None = None
        self._between_turns = asyncio.Event()
        self._between_turns.set()
        self._closing: set[asyncio.Task[None]] = set()
        self._over = False
        self._turn = 0
        self._late_until = 0.0
        self._done = True  # the current turn needs no UtteranceDone any more
        self._model_words = ""
        self._caller_words = ""
        self._caller_turn = ""

    async def connect(self, call: CallInfo) -> Formats:
        """Open a socket, set the conversation up, ask for the first words."""
        self._call = call
        self._socket = await self._open()
        if opening := self._options.opening(call):
            await self._say(f"[The call begins. {opening}]")
        return Formats(_HEARD, _SPOKEN)

    async def send_audio(self, data: bytes) -> None:
        """As realtime input."""
        assert self._socket is not None
        await self._socket.send(
            b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"%b"}}}'
            % binascii.b2a_base64(data, newline=False)
        )

    async def send_keys(self, keys: str) -> None:
        """As text in the caller's stream."""
        await self._say(f"[The caller pressed on the phone's keypad: {keys}]")

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        response = {"id": call_id, "name": name, "response": {"error" if is_error else "result": result}}
        await self._send({"toolResponse": {"functionResponses": [response]}})

    async def close(self) -> None:
        """Close the socket, and give up moving to another."""
        self._over = True
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait([self._moving])
        await super().close()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _open(self) -> AgentSocket:
        assert self._call is not None
        # the key in a header, not in the URL: URLs end up in errors and logs
        socket = await AgentSocket.open(
            self._http, socket_base(self._options.base_url) + _PATH, headers={"x-goog-api-key": self._key}
        )
        try:
            await socket.send(encode(setup(self._options, self._model, self._call, self._handle)))
            complete = await self._await(socket, SetupComplete, "setupComplete")
        except BaseException:
            await socket.close()
            raise
        self.conversation_id = self.conversation_id or complete.session_id
        self._connected_at = self._loop.time()
        return socket

    async def _say(self, text: str) -> None:
        await self._send({"realtimeInput": {"text": text}})

    # --- from one socket to the next ---

    async def _receive(self) -> bytes | Closed:
        """The next message of whichever socket the conversation is on; a lost one is replaced if that is possible."""
        while True:
            socket = self._socket
            assert socket is not None
            message = await socket.receive()
            if not isinstance(message, Closed):
                return message
            if self._moving is not None:
                self._between_turns.set()  # nothing left to wait for
                await asyncio.wait([self._moving])
            if socket is not self._socket:
                continue
            if not self._resumable(socket):
                return message
            try:
                await self._switch(await self._open())
            except AgentError as error:
                return Closed(message.code, f"{message.reason} (not resumed: {error})".strip())

    def _resumable(self, socket: AgentSocket) -> bool:
        if self._over or socket.given_up or self._quiet_at is not None:
            return False
        return bool(self._handle) and self._loop.time() - self._connected_at >= _RESUME_PAUSE

    async def _move(self, seconds: float) -> None:
        """The vendor wants this socket back: go on with the next one, between two turns if there is time for that.

        The caller's sound goes to the old socket until the new one is ready, so nothing of it is lost.
        """
        try:
            async with asyncio.timeout(max(0.0, seconds - _MOVE_BEFORE)):
                await self._between_turns.wait()
        except TimeoutError:
            pass
        old = self._socket
        assert old is not None
        try:
            await self._switch(await self._open())
        except AgentError:
            return  # the old one serves until it is closed; then resuming is tried once more
        closing = asyncio.create_task(old.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _switch(self, socket: AgentSocket) -> None:
        self._socket = socket
        self._late_until = 0.0
        self._between_turns.set()
        if not self._done:  # cut off in the middle of a sentence, whose rest is not coming any more
            await self._say(_GO_ON)

    # --- what comes ---

    def _decode(self, message: bytes) -> list[Any]:
        return decode(message)

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case ModelAudio(data, rate_hz):
                return self._audio(data, rate_hz)
            case ModelWords(text):
                if self._late_until <= self._loop.time():
                    begun = self._begin_turn()
                    self._model_words += text
                    return begun
            case CallerWords(text, finished):
                self._caller_words += text
                return self._caller_text() if finished else ()
            case Interrupted():
                return self._interrupted()
            case GenerationComplete():
                return self._finish()
            case TurnComplete():
                return self._turn_complete()
            case Handle(handle):
                self._handle = handle or self._handle
            case GoAway(seconds):
                if self._handle and (self._moving is None or self._moving.done()):
                    self._moving = asyncio.create_task(self._move(seconds))
                return (Notice("go_away", f"{seconds:g} s left"),)
            case _:
                return await super()._react(decoded)
        return ()

    def _begin_turn(self) -> tuple[AgentEvent, ...]:
        """The first sign of a turn of the model's: what the caller said to it has its place before it."""
        if not self._between_turns.is_set():
            return ()
        said = self._said()  # of a turn that was cut off
        self._between_turns.clear()
        self._turn += 1
        self._done = False
        self._caller_turn = f"caller{self._turn}"
        return (*said, CallerTurn(self._caller_turn))

    def _audio(self, data: bytes, rate_hz: int) -> tuple[AgentEvent, ...]:
        if rate_hz != _SPOKEN.rate_hz:
            detail = f"agent speaks at {rate_hz} Hz: expected {_SPOKEN.rate_hz}"
            return (Ended(by_agent=False, reason="unsupported_format", detail=detail),)
        if self._late_until > self._loop.time():
            return self._late(len(data), _SPOKEN)
        return (*self._begin_turn(), Audio(data, str(self._turn)))

    def _interrupted(self) -> tuple[AgentEvent, ...]:
        """Until the turn is complete, or so long after that it can't be a leftover, all sound is stale."""
        said = self._said()
        self._done = True
        self._late_until = self._loop.time() + LATE_SECONDS
        return (*self._caller_text(), *said, Interruption())

    def _finish(self) -> tuple[AgentEvent, ...]:
        said = self._said()
        if self._done:
            return said
        self._done = True
        return (*said, UtteranceDone(str(self._turn)))

    def _turn_complete(self) -> tuple[AgentEvent, ...]:
        finished = () if self._late_until > self._loop.time() else self._finish()
        self._late_until = 0.0
        self._between_turns.set()
        events = (*self._caller_text(), *finished)
        return events if self._quiet_at is None else (*events, ENDED)

    def _unsaid(self) -> tuple[AgentEvent, ...]:
        return (*self._caller_text(), *self._said())

    def _said(self) -> tuple[AgentEvent, ...]:
        text, self._model_words = self._model_words.strip(), ""
        return (AgentText(text, str(self._turn)),) if text else ()

    def _caller_text(self) -> tuple[AgentEvent, ...]:
        """What the caller said before the model's current turn, or after its last one."""
        text, self._caller_words = self._caller_words.strip(), ""
        turn, self._caller_turn = self._caller_turn, ""
        return (CallerText(text, turn),) if text else ()

    def _goodbye(self) -> tuple[AgentEvent, ...]:
        return (ENDED,) if self._between_turns.is_set() else ()


def configure(spec: AgentSpec, settings: Settings) -> Agent:
    """Raises SettingError."""
    options = read_options(spec, GeminiOptions, settings)
    key = api_key(spec, options.api_key_env, settings)
    return lambda context: GeminiSession(context.http, options, spec.id or DEFAULT_MODEL, key)
