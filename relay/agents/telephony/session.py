"""A conversation with a bot that speaks a carrier's protocol: the relay acts as the carrier (other-agents.md C)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, assert_never

import aiohttp

from relay.agents.seam import (
    AgentError,
    AgentEvent,
    AgentText,
    Audio,
    CallInfo,
    Ended,
    Formats,
    FunctionTool,
    Interruption,
    Notice,
    ToolCall,
    TurnDone,
    UtteranceDone,
    as_text,
    not_taken,
)
from relay.agents.socket import AgentSocket, Binary, Closed
from relay.agents.telephony.caller_turns import WORDLESS, CallerTurns
from relay.agents.telephony.dialect import Cleared, Dialect, MarkSet, Sound
from relay.agents.telephony.marks import Marks
from relay.at_once import DONE, Later

FRAMES_PER_SECOND: Final = 50
PAUSE: Final = 0.4  # seconds without sound, after which the utterance of a bot without marks is complete
_BINARY: Final = "a binary message: expected JSON as text"
_GOODBYES: Final = frozenset({1000, 1001, 1005})
_WAITING_EVENTS: Final = 64  # then the bot is not read, because the playout is full


class TelephonySession:
    """See seam.AgentSession. `headers` may contain credentials."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        new_dialect: Callable[[CallInfo], Dialect],
        *,
        headers: Mapping[str, str],
        parameters: Mapping[str, str],
    ) -> None:
        self.conversation_id: str | None = None
        self.late_audio_ms = 0.0
        self.can_wait = False
        self.tools: Sequence[FunctionTool] = ()
        self.wants_each_key = True
        self._http = http
        self._url = url
        self._new_dialect = new_dialect
        self._stream: Dialect | None = None
        self._headers = headers
        self._parameters = parameters
        self._loop = asyncio.get_running_loop()
        self._socket: AgentSocket | None = None
        self._events: asyncio.Queue[AgentEvent] = asyncio.Queue(_WAITING_EVENTS)
        self._reading: asyncio.Task[None] | None = None
        self._marks = Marks()
        self._pause: asyncio.TimerHandle | None = None
        self._frame = b""
        self._spoke = False
        self._told: set[str] = set()
        self._answers: dict[str, asyncio.Future[str]] = {}

    # --- seam.AgentSession ---

    def prepare(self) -> None:
        """Nothing to prepare: the first message tells the bot about the call."""

    def reach(self) -> None:
        """Nothing to do: the bot's address may depend on the call."""

    async def connect(self, call: CallInfo) -> Formats:
        """Open the socket and start the stream like the carrier."""
        url, parameters = await self._where(call)
        dialect = self._stream = self._new_dialect(call)
        self._caller = CallerTurns(dialect.audio)
        self._frame_bytes = dialect.audio.bytes_per_second // FRAMES_PER_SECOND
        self._socket = await AgentSocket.open(self._http, url, headers=self._headers_for(url))
        for notice in not_taken(call.overrides.given(), "the carrier's protocol has no message for it"):
            self._tell(notice)
        given = {name: as_text(value) for name, value in call.given.items()}
        for message in dialect.opening(call, {**call.custom_parameters, **given, **parameters}):
            await self._socket.send(message)
        self._reading = asyncio.create_task(self._read(self._socket))
        return Formats(dialect.audio, dialect.audio)

    async def _where(self, call: CallInfo) -> tuple[str, Mapping[str, str]]:
        """The socket's address, and the parameters to send."""
        return self._url, self._parameters

    def _headers_for(self, url: str) -> Mapping[str, str]:
        """The headers of the upgrade."""
        return self._headers

    @property
    def _dialect(self) -> Dialect:
        """Raises AgentError before `connect`, which the call does not do."""
        if self._stream is None:
            raise AgentError("not_connected", "nothing can be sent before connect")
        return self._stream

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """In messages of 20 ms, regardless of the input's pieces."""
        self._frame += data
        size = self._frame_bytes
        while len(self._frame) >= size:
            frame, self._frame = self._frame[:size], self._frame[size:]
            for event in self._caller.hear(frame, self._loop.time()):
                self._tell(event)
            if (rest := self._send(self._dialect.media(frame))) is not DONE:
                return Later(partial(self._go_on, rest))
        return DONE

    async def _go_on(self, rest: Awaitable[None]) -> None:
        await rest
        await self.send_audio(b"")

    async def send_keys(self, keys: str) -> None:
        """One by one, as they were pressed."""
        for key in keys:
            await self._send(self._dialect.digit(key))

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """The outcome of a request that the bot sent over REST."""
        answer = self._answers.pop(call_id, None)
        if answer is not None and not answer.done():
            answer.set_result(result if is_error else "")

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """Nothing to send: the bot itself cleared."""

    async def heard(self, utterance: str) -> None:
        """Echo the marks after it now, not when they were set."""
        for name in self._marks.heard(utterance):
            await self._send(self._dialect.mark(name))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """The carrier's protocol has no message for it."""
        return False

    async def ask_again(self) -> bool:
        """The carrier's protocol has no message for it."""
        return False

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Everything until the bot closes."""
        while True:
            event = await self._events.get()
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
        """Send `stop`, like the carrier when the caller hangs up, and close."""
        if self._pause is not None:
            self._pause.cancel()
        if self._socket is not None:
            await self._socket.send(self._dialect.stop())
            await self._socket.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result("")

    # --- the bot's requests beside the stream ---

    def order(self, tool: str, parameters: Mapping[str, object]) -> None:
        """Have the relay do something, without a result. Dropped if too much is waiting already."""
        self._tell(ToolCall(f"{tool}_{self._loop.time():.6f}", tool, parameters))

    async def use(self, tool: str, parameters: Mapping[str, object]) -> str:
        """Have the relay do something; empty when it is done, else why not."""
        call_id = f"{tool}_{len(self._answers)}_{self._loop.time():.6f}"
        answer = self._answers[call_id] = self._loop.create_future()
        await self._events.put(ToolCall(call_id, tool, parameters))
        refusal: str = await answer
        return refusal

    # --- reading ---

    async def _read(self, socket: AgentSocket) -> None:
        try:
            while not isinstance(message := await socket.receive(), Closed):
                await self._react(message)
        except AgentError as error:  # it sends more than allowed
            await self._events.put(Ended(by_agent=False, reason=error.reason, detail=str(error)))
            return
        except Exception as error:  # noqa: BLE001  # an error in our code ends the agent, not the call
            await self._events.put(Ended(by_agent=False, reason="defect", detail=f"{type(error).__name__}: {error}"))
            return
        await self._complete()
        # one that closes before it has said anything has failed
        by_agent = self._spoke and message.code in _GOODBYES
        reason = "ended" if by_agent else f"close_{message.code}"
        await self._events.put(Ended(by_agent=by_agent, reason=reason, detail=str(message)))

    async def _react(self, message: bytes) -> None:
        match Notice("malformed", _BINARY) if isinstance(message, Binary) else self._dialect.decode(message):
            case Sound(data):
                await self._sound(data)
            case MarkSet(name):
                ended, echoes = self._marks.mark(name)
                await self._done(ended)
                for echo in echoes:
                    await self._send(self._dialect.mark(echo))
            case Cleared():
                await self._events.put(Interruption())
                for echo in self._marks.clear():
                    await self._send(self._dialect.mark(echo))
            case Notice() as notice:
                await self._notice(notice)
            case None:
                pass  # what some frameworks return of what they were sent
            case other:
                assert_never(other)

    async def _sound(self, data: bytes) -> None:
        self._spoke = True
        utterance, begins = self._marks.sound()
        if begins:
            await self._events.put(AgentText(WORDLESS, utterance))
        await self._events.put(Audio(data, utterance))
        self._stop_pause()
        self._pause = self._loop.call_later(PAUSE, self._paused)

    def _paused(self) -> None:
        if not self._events.full():  # otherwise there is enough sound waiting
            utterance = self._marks.end()
            for event in (UtteranceDone(utterance), TurnDone()) if utterance else ():
                self._events.put_nowait(event)

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()

    async def _complete(self) -> None:
        self._stop_pause()
        await self._done(self._marks.end())

    async def _done(self, utterance: str) -> None:
        if utterance:
            await self._events.put(UtteranceDone(utterance))
            await self._events.put(TurnDone())

    async def _notice(self, notice: Notice) -> None:
        """Once per kind and call, so that a bot's own messages don't fill the log."""
        if (key := notice.kind if notice.kind == "malformed" else notice.text) not in self._told:
            self._told.add(key)
            await self._events.put(notice)

    # --- sending ---

    def _send(self, message: bytes) -> Awaitable[None]:
        return DONE if self._socket is None else self._socket.send(message)

    def _tell(self, event: AgentEvent) -> None:
        """Dropped if the playout is full: nobody waits for an answer then."""
        if not self._events.full():
            self._events.put_nowait(event)
