"""What agents without a vendor share: they live in this process and put their events into a queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from typing import Any, ClassVar, Final

from relay.agents.seam import AgentEvent, Audio, CallInfo, Ended, FunctionTool, ToolCall, not_taken
from relay.at_once import DONE
from relay.audio.convert import AudioFormat
from relay.ended import error_of
from relay.logs import log

_CHUNK_SECONDS: Final = 0.5  # a long file in one piece would be copied for every frame


class LocalSession:
    """See seam.AgentSession. An error in one of its tasks is logged and ends the session: a fallback takes over."""

    takes: ClassVar[tuple[str, ...]] = ()
    """What a look-up may override (relay.agents.overrides)."""

    def __init__(self) -> None:
        self.conversation_id: str | None = None
        self.late_audio_ms = 0.0
        self.wants_each_key = True
        self.can_wait = True
        self.tools: Sequence[FunctionTool] = ()
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[str, asyncio.Future[bool]] = {}
        self._call_sid = ""
        self._playing_until = 0.0
        self._ended = False

    # --- seam.AgentSession ---

    def prepare(self) -> None:
        """Nothing to prepare."""

    def reach(self) -> None:
        """Always reachable."""

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """Ignored."""
        return DONE

    async def send_keys(self, keys: str) -> None:
        """Ignored."""

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        """The result of a tool that was called with `_use`."""
        answer = self._answers.pop(call_id, None)
        if answer is not None and not answer.done():
            answer.set_result(not is_error)

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """Ignored."""

    async def heard(self, utterance: str) -> None:
        """Ignored."""

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """Ignored: nothing here can read it."""
        return False

    async def ask_again(self) -> bool:
        """Ignored: its turns don't fail."""
        return False

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Everything until the end."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Ended):
                return

    def stalled_for(self, now: float) -> float:
        """Never stalls."""
        return 0.0

    async def give_up(self, reason: str) -> None:
        """End it."""
        self._end(Ended(by_agent=False, reason="given_up", detail=reason))

    async def close(self) -> None:
        """Stop its tasks."""
        self._ended = True
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- for the agents built on it ---

    def _begin(self, call: CallInfo) -> None:
        self._call_sid = call.call_sid
        for notice in not_taken(call.overrides.refused(self.takes), "this agent doesn't support it"):
            self._put(notice)

    def _put(self, event: AgentEvent) -> None:
        if not self._ended:
            self._events.put_nowait(event)

    def _end(self, ended: Ended) -> None:
        self._put(ended)
        self._ended = True

    def _say(self, pcm: bytes, utterance: str, audio_format: AudioFormat) -> None:
        """Queue sound for the caller and note when it will have been heard."""
        size = int(audio_format.bytes_per_second * _CHUNK_SECONDS)
        for start in range(0, len(pcm), size):
            self._put(Audio(pcm[start : start + size], utterance))
        now = self._loop.time()
        self._playing_until = max(now, self._playing_until) + audio_format.duration_ms(len(pcm)) / 1000

    def _use(self, tool: str, parameters: dict[str, object]) -> "asyncio.Future[bool]":
        """Call one of the relay's tools; returns whether it succeeded."""
        call_id = f"{tool}_{len(self._answers)}_{self._loop.time():.6f}"
        answer = self._answers[call_id] = self._loop.create_future()
        self._put(ToolCall(call_id, tool, parameters))
        return answer

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if (error := error_of(task)) is not None:
            self._failed(task.get_name(), error)

    def _failed(self, where: str, error: BaseException) -> None:
        detail = f"{where}: {type(error).__name__}: {error}"
        extra = {"event": "agent_defect", "call_sid": self._call_sid}
        log.error("%s", detail, exc_info=error, extra=extra)
        self._end(Ended(by_agent=False, reason="defect", detail=detail[:300]))
