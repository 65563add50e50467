"""A conversation with a Deepgram Voice Agent (other-agents.md B2)."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final

import aiohttp

from common.aside import aside
from relay.agents.deepgram.codec import (
    AgentAudioDone,
    AgentSays,
    AgentSpeaks,
    CallerSpeaks,
    InjectionRefused,
    SettingsApplied,
    Welcome,
    decode,
    settings_message,
)
from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.late_sound import TurnGate
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentEvent,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallInfo,
    Formats,
    Interruption,
    Notice,
    TurnDone,
    UtteranceDone,
)
from relay.agents.session import SocketSession
from relay.agents.socket import AgentSocket, Binary
from relay.agents.vendor import NewSession, api_key, read_options, socket_base
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

KEEP_ALIVE: Final = 8.0  # seconds without audio, after which the vendor expects a sign of life


class DeepgramSession(SocketSession):
    """One conversation (see seam.AgentSession). Audio has no ids here: an utterance is a turn, counted by us."""

    def __init__(self, http: aiohttp.ClientSession, options: DeepgramOptions, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._line = AudioFormat(Encoding.PCM, 8000)
        self._turn = 0
        self._in_turn = False
        self._gate = TurnGate()
        self._sent_at = 0.0
        self._told_as_caller = ""  # the last text of ours that the vendor may still refuse
        self._refused: list[str] = []

    async def connect(self, call: CallInfo) -> Formats:
        """Open, wait for the welcome, send the settings; no audio before they are accepted."""
        options, self._ahead = self._options.for_call(call)
        socket = await self._opened()
        self.conversation_id = (await self._await(socket, Welcome, "Welcome")).request_id
        await self._send(settings_message(options, call))
        await self._await(socket, SettingsApplied, "SettingsApplied")
        self._line = call.line
        self._sent_at = self._loop.time()
        self._spawn(self._keep_alive())
        return Formats(call.line, call.line)

    async def _open_way(self) -> AgentSocket:
        return await AgentSocket.open(
            self._http,
            f"{socket_base(self._options.base_url)}/v1/agent/converse",
            headers={"Authorization": f"Token {self._key}"},
        )

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """As a binary message."""
        self._sent_at = self._loop.time()
        return super().send_audio(data)

    async def send_keys(self, keys: str) -> None:
        """As a message from the caller."""
        await self._say(f"[The caller pressed on the phone's keypad: {keys}]")

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """Added to the prompt, or as a message from the caller if an answer is wanted."""
        if reply:
            await self._say(aside(text))
        else:
            await self._send({"type": "UpdatePrompt", "prompt": text})
        return True

    async def _say(self, text: str) -> None:
        self._told_as_caller = text
        await self._send({"type": "InjectUserMessage", "content": text})

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        content = f"error: {result}" if is_error else result
        await self._send({"type": "FunctionCallResponse", "id": call_id, "name": name, "content": content})

    def _decode(self, message: bytes) -> list[Any]:
        return [message] if isinstance(message, Binary) else decode(message)

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        match decoded:
            case Binary():
                return self._audio(decoded)
            case AgentSays(text):
                self._begin_turn()
                return (AgentText(text, str(self._turn)),)
            case AgentSpeaks():
                self._begin_turn()
                return ()
            case CallerSpeaks():
                # late sound of the old turn looks like new sound: drop everything until the agent's next turn is
                # announced, or for longer than any late sound takes
                self._in_turn = False
                self._gate.shut()
                return (Interruption(),)
            case CallerText() | CallerHeard():
                return (decoded,)
        return None

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case AgentAudioDone():
                return await self._audio_done()
            case InjectionRefused(text):
                if self._told_as_caller:
                    self._refused.append(self._told_as_caller)
                    self._told_as_caller = ""
                return (Notice("injection_refused", text),)
            case _:
                return await super()._react(decoded)

    def _begin_turn(self) -> None:
        self._gate.open()
        if not self._in_turn:
            self._in_turn = True
            self._turn += 1

    def _audio(self, data: bytes) -> tuple[AgentEvent, ...]:
        if self._gate.is_shut:
            return self._late(len(data), self._line)
        self._begin_turn()
        return (Audio(data, str(self._turn)),)

    async def _audio_done(self) -> tuple[AgentEvent, ...]:
        """Nobody is speaking now: repeat the text that was refused because somebody did."""
        refused, self._refused = self._refused, []
        for text in refused:
            await self._say(text)
            self._told_as_caller = ""
        if not self._in_turn:
            return ()
        self._in_turn = False
        return (UtteranceDone(str(self._turn)), TurnDone())

    async def _keep_alive(self) -> None:
        """KeepAlive is for a line without sound; one that streams silence needs none."""
        while True:
            if (left := self._sent_at + KEEP_ALIVE - self._loop.time()) > 0:
                await asyncio.sleep(max(left, 0.01))  # a remainder too small for the clock's resolution would spin
            else:
                self._sent_at = self._loop.time()
                await self._send({"type": "KeepAlive"})


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, DeepgramOptions, settings)
    key = api_key(spec, options.api_key_env, settings)
    return lambda context: DeepgramSession(context.http, options, key)
