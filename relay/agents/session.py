"""What sessions of all vendors behind one WebSocket have in common."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from relay.agents.seam import (
    UNREADABLE,
    AgentError,
    AgentEvent,
    Audio,
    CallerText,
    CallerTurn,
    Ended,
    Notice,
    ToolCall,
    malformed,
)
from relay.agents.socket import AgentSocket, Closed
from relay.agents.tool_descriptions import END_CALL, parse_arguments
from relay.audio.convert import AudioFormat

READY_TIMEOUT: Final = 5.0  # waited for with a caller on the line
GOODBYE_QUIET: Final = 2.0  # after end_call the vendor says when its last words are through; or else so long a silence
LATE_SECONDS: Final = 3.0  # sound that comes so long after an interruption can't be a leftover from before it

ENDED: Final = Ended(by_agent=True, reason="ended", detail="end_call")

encode: Final = msgspec.json.Encoder().encode
_decode_json: Final = msgspec.json.Decoder(dict[str, Any]).decode

Decoded = TypeVar("Decoded")
Message = dict[str, Any]
Reader = Callable[[Message], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Failed:
    """The vendor says that the session can't go on."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model wants a tool. `arguments`: JSON text, as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class FunctionCancelled:
    """The result is not wanted any more."""

    call_id: str


def read(text: bytes, reader: Reader) -> list[Any]:
    """What `reader` makes of a JSON message. Never raises: what can't be read is a Notice, after what could be."""
    found: list[Any] = []
    try:
        for decoded in reader(_decode_json(text)):
            found.append(decoded)  # noqa: PERF402 - keeps what came before an error
    except UNREADABLE as error:
        found.append(malformed(error))
    return found


def read_by_type(text: bytes, readers: Mapping[str, Reader]) -> list[Any]:
    """What the reader of a message's `type` makes of it, nothing for types without one. Never raises."""
    return read(text, lambda message: reader(message) if (reader := readers.get(message["type"])) else ())


class SocketSession:
    """A conversation over one socket. A vendor adds `connect`, `send_…`, what it reads and how it reacts to it."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.conversation_id: str | None = None
        self.late_audio_ms = 0.0
        self.wants_each_key = False
        self._http = http
        self._socket: AgentSocket | None = None
        self._quiet_at: float | None = None
        self._functions: dict[str, str] = {}  # names of the calls that wait for our answer
        self._malformed = False
        self._ahead: list[Any] = []  # came in one message with what `connect` was waiting for

    # --- for the vendor's module to say ---

    def _decode(self, message: bytes) -> Iterable[Any]:
        """The vendor's codec."""
        raise NotImplementedError

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        """What a decoded message means to the call: here what it means whoever the vendor is."""
        match decoded:
            case FunctionCall() | ToolCall():
                return await self._use_tool(decoded)
            case FunctionCancelled(call_id):
                self._functions.pop(call_id, None)
            case Failed(reason, text):
                return (Ended(by_agent=False, reason=reason, detail=text),)
            case CallerTurn() | CallerText() | Notice():
                return (decoded,)
        return ()

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        """Say the answer of a tool in the vendor's words."""
        raise NotImplementedError

    def _goodbye(self) -> Iterable[AgentEvent]:
        """The agent called end_call: what that means at once, besides that the end is near."""
        return ()

    def _unsaid(self) -> Iterable[AgentEvent]:
        """What came in pieces of which the last is not coming any more."""
        return ()

    # --- seam.AgentSession ---

    def prepare(self) -> None:
        """Nothing to begin before the call is known."""

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """Answer a tool, unless the vendor does not wait for it any more."""
        name = self._functions.pop(call_id, None)
        if name is not None:
            await self._send_result(call_id, name, result, is_error=is_error)

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """Nothing to tell the vendor."""

    async def ask_again(self) -> bool:
        """This vendor has no way to be asked."""
        return False

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Everything until the end of the conversation."""
        while True:
            try:
                async with asyncio.timeout_at(self._quiet_at):
                    message = await self._receive()
            except TimeoutError:
                message = Closed(1000, "")
            if isinstance(message, Closed):
                for event in self._unsaid():
                    yield event
                yield self._closed(message)
                return
            ahead, self._ahead = self._ahead, []
            for decoded in (*ahead, *self._decode(message)):
                if isinstance(decoded, Notice) and decoded.kind == "malformed" and self._knows_malformed():
                    continue
                for event in await self._react(decoded):
                    if self._quiet_at is not None and isinstance(event, Audio):
                        self._hang_up()
                    yield event
                    if isinstance(event, Ended):
                        return

    def stalled_for(self, now: float) -> float:
        """See AgentSocket."""
        return self._socket.stalled_for(now) if self._socket else 0.0

    async def give_up(self, reason: str) -> None:
        """See AgentSocket."""
        if self._socket:
            await self._socket.give_up(reason)

    async def close(self) -> None:
        """Close the socket."""
        if self._socket:
            await self._socket.close()

    # --- the socket ---

    async def _receive(self) -> bytes | Closed:
        assert self._socket is not None
        return await self._socket.receive()

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send(encode(message))

    async def _await(self, socket: AgentSocket, kind: type[Decoded], name: str) -> Decoded:
        """The first message of `kind` while connecting. Raises AgentError if `name` does not come."""
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while True:
                    message = await socket.receive()
                    if isinstance(message, Closed):
                        raise AgentError(f"close_{message.code}", f"refused: {message}")
                    found = list(self._decode(message))
                    for place, decoded in enumerate(found):
                        if isinstance(decoded, kind):
                            self._ahead += found[place + 1 :]
                            return decoded
                        if isinstance(decoded, Failed):
                            raise AgentError(decoded.reason, f"refused: {decoded.text}")
                        if isinstance(decoded, Notice) and decoded.kind == "error":
                            raise AgentError("refused", decoded.text)
        except TimeoutError:
            raise AgentError("silent", f"connected, but no {name} came") from None

    def _closed(self, closed: Closed) -> Ended:
        """None of these vendors hangs up by itself: a close is a failure, unless the agent had called end_call."""
        if self._quiet_at is not None:
            return ENDED
        return Ended(by_agent=False, reason=f"close_{closed.code}", detail=str(closed))

    async def _use_tool(self, call: FunctionCall | ToolCall) -> Iterable[AgentEvent]:
        if call.name == END_CALL:
            self._hang_up()
            return self._goodbye()
        self._functions[call.call_id] = call.name
        if isinstance(call, ToolCall):
            return (call,)
        arguments = parse_arguments(call.arguments)
        if arguments is None:
            await self.answer_tool(call.call_id, "the arguments must be a JSON object", is_error=True)
            return ()
        return (ToolCall(call.call_id, call.name, arguments),)

    def _hang_up(self) -> None:
        """The agent called end_call: its last words may still be coming."""
        self._quiet_at = asyncio.get_running_loop().time() + GOODBYE_QUIET

    def _knows_malformed(self) -> bool:
        """Said once a call, or a vendor that changed its messages would fill the log."""
        known, self._malformed = self._malformed, True
        return known

    def _late(self, size: int, spoken: AudioFormat) -> tuple[AgentEvent, ...]:
        self.late_audio_ms += spoken.duration_ms(size)
        return ()
