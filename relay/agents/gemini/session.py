"""Gemini Live over its WebSocket (other-agents.md B3). One conversation may take several sockets, one after another."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import aiohttp

from common.aside import aside
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
    TurnReason,
    decode,
    setup,
)
from relay.agents.gemini.options import DEFAULT_MODEL, GeminiOptions
from relay.agents.gemini.succession import Succession
from relay.agents.gemini.turns import Turns
from relay.agents.reading import encode
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentEvent,
    CallInfo,
    Ended,
    Formats,
    Notice,
    ToolCall,
)
from relay.agents.session import SocketSession
from relay.agents.socket import AgentSocket, Closed, Hear
from relay.agents.vendor import NewSession, api_key, read_options, socket_base
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

_PATH: Final = "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
_HEARD: Final = AudioFormat(Encoding.PCM, 16_000)
_SPOKEN: Final = AudioFormat(Encoding.PCM, 24_000)
_NOTES_KEPT: Final = 16  # notes waiting for the end of a turn
_AGAIN: Final = "[Your last answer failed for a technical reason. Answer the caller now.]"
_GO_ON: Final = "[The connection was interrupted for a moment. Go on where you stopped.]"


class GeminiSession(SocketSession):
    """One conversation (see seam.AgentSession)."""

    SOUND = (b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":', b"}}}")

    def __init__(self, http: aiohttp.ClientSession, options: GeminiOptions, model: str, key: str) -> None:
        super().__init__(http)
        self._options = options
        self._model = model
        self._key = key
        self._sockets = Succession(self._open, self._switched)
        self._turns = Turns(self._sockets.between_turns)
        self._ids: dict[str, str] = {}  # the vendor's ids of unanswered calls; some have none
        self._calls = 0
        self._notes: deque[str] = deque(maxlen=_NOTES_KEPT)

    async def connect(self, call: CallInfo) -> Formats:
        """Open a socket, set up the conversation, ask for the first words."""
        self._options, self._ahead = self._options.for_call(call)
        self._socket = await self._sockets.start(call)
        if opening := self._options.opening(call):
            await self._say(f"[The call begins. {opening}]")
        return Formats(_HEARD, _SPOKEN)

    async def send_keys(self, keys: str) -> None:
        """As text in the caller's stream."""
        await self._say(f"[The caller pressed on the phone's keypad: {keys}]")

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """As text in the caller's stream, between two turns: in the middle of one it would interrupt the agent.

        Newer models refuse `clientContent` once the conversation has begun, and close (other-agents.md B3).
        """
        wish = "" if reply else " Do not answer this, and go on as before."
        self._notes.append(aside(text + wish))
        if self._sockets.between_turns.is_set():
            await self._pass_notes()
        return True

    async def _pass_notes(self) -> None:
        while self._notes:
            await self._say(self._notes.popleft())

    async def ask_again(self) -> bool:
        """Ask for the failed turn again."""
        await self._say(_AGAIN)
        return True

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        response: dict[str, Any] = {"name": name, "response": {"error" if is_error else "result": result}}
        if vendors_id := self._ids.pop(call_id, ""):
            response["id"] = vendors_id
        await self._send({"toolResponse": {"functionResponses": [response]}})

    async def close(self) -> None:
        """Close the socket, and stop moving to another."""
        await super().close()
        await self._sockets.close()

    async def _open_way(self) -> AgentSocket:
        # the key in a header, not in the URL, because URLs end up in errors and logs
        return await AgentSocket.open(
            self._http,
            socket_base(self._options.base_url) + _PATH.format(version=self._options.api_version),
            headers={"x-goog-api-key": self._key},
        )

    async def _open(self, call: CallInfo, handle: str) -> AgentSocket:
        socket = await (self._open_way() if handle else self._opened())
        try:
            await socket.send(encode(setup(self._options, self._model, call, handle)))
            complete = await self._await(socket, SetupComplete, "setupComplete")
        except BaseException:
            await socket.close()
            raise
        self.conversation_id = self.conversation_id or complete.session_id
        return socket

    async def _say(self, text: str) -> None:
        await self._send({"realtimeInput": {"text": text}})

    async def _switched(self, socket: AgentSocket) -> None:
        self._socket = socket
        self._sound.through(socket)
        self._turns.resumed()
        if self._turns.unfinished:  # cut off in the middle of a sentence; the rest will not come
            await self._say(_GO_ON)
        await self._pass_notes()

    async def _receive(self, hear: Hear | None = None) -> bytes | Closed:
        return await self._sockets.receive(hear)

    # --- received messages ---

    _decode = staticmethod(decode)

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        match decoded:
            case ModelAudio(data, rate_hz):
                return self._audio(data, rate_hz)
            case ModelWords(text):
                return self._turns.words(text)
            case CallerWords(text, finished):
                return self._turns.caller_words(text, finished=finished)
            case Interrupted():
                return self._turns.interrupted()
            case GenerationComplete():
                return self._turns.generated()
        return None

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        match decoded:
            case TurnReason(reason):
                self._turns.because(reason)
            case TurnComplete():
                events = self._turns.complete(tools_wait=bool(self._functions))
                await self._pass_notes()
                return events
            case ToolCall():
                return await self._call(decoded)
            case Handle(handle):
                self._sockets.handle = handle or self._sockets.handle
            case GoAway(seconds):
                self._spawn(self._sockets.move(seconds))
                return (Notice("go_away", f"{seconds:g} s left"),)
            case _:
                return await super()._react(decoded)
        return ()

    def _audio(self, data: bytes, rate_hz: int) -> tuple[AgentEvent, ...]:
        if rate_hz != _SPOKEN.rate_hz:
            detail = f"agent speaks at {rate_hz} Hz: expected {_SPOKEN.rate_hz}"
            return (Ended(by_agent=False, reason="unsupported_format", detail=detail),)
        return self._late(len(data), _SPOKEN) if self._turns.stale else self._turns.audio(data)

    def _unsaid(self) -> tuple[AgentEvent, ...]:
        return self._turns.unsaid()

    async def _call(self, call: ToolCall) -> Iterable[AgentEvent]:
        """Some calls come without an id: they are answered by name (other-agents.md B3)."""
        self._calls += 1
        call_id = call.call_id or f"{call.name}-{self._calls}"
        self._ids[call_id] = call.call_id
        if not call.name:
            await self._send_result(call_id, "", "the call names no tool", is_error=True)
            return (Notice("incomplete", f"tool call {call_id}: it names no tool"),)
        return await self._use_tool(ToolCall(call_id, call.name, call.parameters, settled=call.settled))


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, GeminiOptions, settings)
    key = api_key(spec, options.api_key_env, settings)
    return lambda context: GeminiSession(context.http, options, spec.id or DEFAULT_MODEL, key)
