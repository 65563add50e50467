"""What the sessions of all vendors over a WebSocket share."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import aiohttp

from relay.agents.reader import Reading
from relay.agents.reading import Failed, FunctionCall, encode
from relay.agents.seam import (
    AgentError,
    AgentEvent,
    AgentSession,
    CallerHeard,
    CallerText,
    CallerTurn,
    Ended,
    FunctionTool,
    Notice,
    ToolCall,
    ToolCancelled,
    Working,
)
from relay.agents.socket import AgentSocket, Closed, Hear
from relay.agents.sound_out import SoundOut
from relay.agents.tool_descriptions import parse_arguments
from relay.audio.convert import AudioFormat
from relay.ended import error_of

READY_TIMEOUT: Final = 5.0  # a caller is waiting

Decoded = TypeVar("Decoded")


def listens(session: AgentSession, news: Literal["heard", "interrupted"]) -> bool:
    """Whether `session` does anything with these news. Most vendors need neither, and each would be a task's work."""
    return getattr(type(session), news, None) is not getattr(SocketSession, news)


class SocketSession(Reading):
    """A conversation over one socket. A vendor adds SOUND, `connect`, `send_…`, its messages and reactions to them."""

    SOUND: tuple[bytes, bytes] | None = None
    """What is before the base64 of the caller's sound in a message, and after it. None: sound is a binary message."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__()
        self.conversation_id: str | None = None
        self.late_audio_ms = 0.0
        self.wants_each_key = False
        self.can_wait = False
        self.tools: Sequence[FunctionTool] = ()
        self._http = http
        self._socket: AgentSocket | None = None
        self._sound = SoundOut(*(self.SOUND or ()))
        self._functions: dict[str, str] = {}  # call id → tool name, for calls without an answer yet
        self._tasks: list[asyncio.Task[None]] = []
        self._way: asyncio.Task[AgentSocket] | None = None

    # --- for the vendor's module ---

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        """The events for the call in a decoded message; this handles those that all vendors share."""
        match decoded:
            case FunctionCall() | ToolCall():
                return await self._use_tool(decoded)
            case ToolCancelled(call_id):
                self._functions.pop(call_id, None)
                return (decoded,)
            case Failed(reason, text):
                return (Ended(by_agent=False, reason=reason, detail=text),)
            case CallerTurn() | CallerText() | CallerHeard() | Working() | Notice():
                return (decoded,)
        return ()

    async def _open_way(self) -> AgentSocket:
        """Open the socket before the call is known. Without this, `connect` opens the socket."""
        raise NotImplementedError

    async def _send_result(self, call_id: str, name: str, result: str, *, is_error: bool) -> None:
        """Send a tool's result in the vendor's format."""
        raise NotImplementedError

    def _closed(self, closed: Closed) -> Ended:
        """The vendor closed the socket: by default a failure, because most vendors don't hang up by themselves."""
        return Ended(by_agent=False, reason=f"close_{closed.code}", detail=str(closed))

    async def _meanwhile(self, decoded: Any) -> float | None:
        """A message while `connect` waits for another. Returns a new timeout in seconds, None for no change."""
        if isinstance(decoded, Notice) and decoded.kind == "error":
            raise AgentError("refused", decoded.text)
        return None

    # --- seam.AgentSession ---

    def prepare(self) -> None:
        """Nothing to prepare."""

    def reach(self) -> None:
        """Begin to open the socket, if that needs no data of the call."""
        if self._way is None and type(self)._open_way is not SocketSession._open_way:
            self._way = asyncio.create_task(self._open_way())

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """In a message of the vendor's."""
        return self._open_socket.send(self._sound.message(data), self._sound.kind)

    def sound_out(self) -> SoundOut | None:
        """What `send_audio` does, for who has sound fifty times a second. None if the vendor's does something else."""
        if type(self).send_audio is not SocketSession.send_audio or not isinstance(self._socket, AgentSocket):
            return None
        self._sound.through(self._socket)
        return self._sound

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """Answer a tool call, unless the vendor no longer waits for it."""
        name = self._functions.pop(call_id, None)
        if name is not None:
            await self._send_result(call_id, name, result, is_error=is_error)

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """The vendor needs nothing."""

    async def heard(self, utterance: str) -> None:
        """The vendor needs nothing."""

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """This vendor accepts no notes."""
        return False

    async def ask_again(self) -> bool:
        """This vendor can't be asked for a turn."""
        return False

    def stalled_for(self, now: float) -> float:
        """See AgentSocket."""
        return self._socket.stalled_for(now) if self._socket else 0.0

    async def give_up(self, reason: str) -> None:
        """See AgentSocket."""
        if self._socket:
            await self._socket.give_up(reason)

    async def close(self) -> None:
        """Stop the session's tasks, close the socket."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._way is not None:
            self._way.cancel()
            await asyncio.wait([self._way])
            if not self._way.cancelled() and self._way.exception() is None:
                self._socket = self._socket or self._way.result()
            self._way = None  # its error would hold this session
        if self._socket:
            await self._socket.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run beside the reader until it is done or the session is closed. `events` raises its exceptions."""
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: "asyncio.Task[None]") -> None:
        self._tasks.remove(task)
        if (error := error_of(task)) is not None:
            self._defect = error
            self._spawn(self.give_up("defect"))  # wakes up `events`

    # --- the socket ---

    @property
    def _open_socket(self) -> AgentSocket:
        """The open socket. Raises AgentError before `connect`; the call never sends that early."""
        if self._socket is None:
            raise AgentError("not_connected", "nothing can be sent before connect")
        return self._socket

    async def _opened(self) -> AgentSocket:
        """The socket that `reach` began to open; a second call opens another one. Raises AgentError."""
        self._way = self._way or asyncio.create_task(self._open_way())  # in no variable: its error would hold that
        self._socket, self._way = await self._way, None
        return self._socket

    def _receive(self, hear: Hear | None = None) -> Awaitable[bytes | Closed]:
        return self._open_socket.receive(hear)  # not awaited here: a coroutine more takes 200 bytes while nothing comes

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._open_socket.send(encode(message))

    async def _await(self, socket: AgentSocket, kind: type[Decoded], name: str) -> Decoded:
        """The first message of `kind` while connecting. Raises AgentError if `name` does not come."""
        try:
            async with asyncio.timeout(READY_TIMEOUT) as patience:
                while True:
                    message = await socket.receive()
                    if isinstance(message, Closed):
                        raise AgentError(f"close_{message.code}", f"refused: {self._closed(message).detail}")
                    found = list(self._decode(message))
                    for place, decoded in enumerate(found):
                        if isinstance(decoded, kind):
                            self._ahead += found[place + 1 :]
                            return decoded
                        if isinstance(decoded, Failed):
                            raise AgentError(decoded.reason, f"refused: {decoded.text}")
                        if (seconds := await self._meanwhile(decoded)) is not None:
                            patience.reschedule(asyncio.get_running_loop().time() + seconds)
        except TimeoutError:
            raise AgentError("silent", f"connected, but no {name} came") from None

    # --- tools and notices ---

    async def _use_tool(self, call: FunctionCall | ToolCall) -> Iterable[AgentEvent]:
        """The event for a tool call. One that can't be carried out is answered at once: the model waits for answers."""
        self._functions[call.call_id] = call.name
        if isinstance(call, ToolCall):
            return (call,)
        arguments = parse_arguments(call.arguments)
        if call.name and arguments is not None:
            return (ToolCall(call.call_id, call.name, arguments, settled=call.settled),)
        problem = "the arguments must be a JSON object" if call.name else "the call names no tool"
        await self.answer_tool(call.call_id, problem, is_error=True)
        return (Notice("incomplete", f"tool call {call.name or call.call_id}: {problem}"),)

    def _late(self, size: int, spoken: AudioFormat) -> tuple[AgentEvent, ...]:
        """Stale sound after an interruption is counted, but not played."""
        self.late_audio_ms += spoken.duration_ms(size)
        return ()
