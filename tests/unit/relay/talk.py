"""A conversation with sessions that do as a test says: real playout, pacer and transcript, nobody on the network."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentError, AgentEvent, Audio, CallInfo, Ended, Formats
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.call.conversation import Conversation
from relay.call.hand_over import HandOver
from relay.call.outbox import Outbox
from relay.call.parts import CallParts
from relay.call.tools import Tool, Tools, ambience_tool, transfer_tool
from relay.call.transcript import Transcript
from relay.events.delivery import Events
from relay.events.records import CallFacts, EndReason, Quality
from relay.line import exotel
from relay.line.answers import Answers
from relay.line.framing import Framing
from relay.line.pacer import Pacer
from relay.line.ticker import Ticker
from relay.line.uplink import Uplink
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.sounds import Apology
from sim import virtual_time
from tests.unit.relay.taped_line import TapedLine
from tests.unit.relay.tone import noise

LINE = AudioFormat(Encoding.PCM, 8000)
HUNG_UP = Ended(by_agent=True, reason="ended")
DIED = Ended(by_agent=False, reason="close_1006")


def speech(seconds: float, utterance: str = "1", seed: int = 1) -> Audio:
    """Sound of `utterance`."""
    return Audio(noise(round(8000 * seconds), seed=seed).tobytes(), utterance)


class Session:
    """An agent that a test speaks for: `session.put(event)`."""

    conversation_id: str | None = "conv_1"
    late_audio_ms = 0.0
    wants_each_key = False
    can_wait = False
    tools = ()

    def __init__(
        self,
        *,
        connect_s: float = 0.0,
        refuses: AgentError | None = None,
        asks_again: bool = True,
        takes_notes: bool = True,
        spoken: AudioFormat = LINE,
    ) -> None:
        self.connect_s = connect_s
        self.spoken = spoken
        self.refuses = refuses
        self.asks_again = asks_again
        self.asked_again = 0
        self.takes_notes = takes_notes
        self.broken: set[str] = set()
        """Methods that raise."""
        self.call: CallInfo | None = None
        self.ready_at: float | None = None
        self.sent: list[Any] = []
        """What came, in order: keys, (call_id, result, is_error), ("interrupted", utterance, ms)."""
        self.closed = False
        self.stalled_s = 0.0
        self._events: asyncio.Queue[AgentEvent | Exception] = asyncio.Queue()

    def put(self, *events: AgentEvent | Exception) -> None:
        """Say these now."""
        for event in events:
            self._events.put_nowait(event)

    @property
    def waiting(self) -> int:
        """Events that nobody has read yet."""
        return self._events.qsize()

    def prepare(self) -> None:
        pass

    def stalled_for(self, now: float) -> float:
        return self.stalled_s

    async def connect(self, call: CallInfo) -> Formats:
        self.call = call
        await asyncio.sleep(self.connect_s)
        if self.refuses:
            raise self.refuses
        self._break("connect")
        self.ready_at = asyncio.get_running_loop().time()
        return Formats(LINE, self.spoken)

    async def send_audio(self, data: bytes) -> None:
        self._break("send_audio")

    async def send_keys(self, keys: str) -> None:
        self._break("send_keys")
        self._take(keys)

    async def answer_tool(self, call_id: str, result: str, *, is_error: bool) -> None:
        self._break("answer_tool")
        self._take((call_id, result, is_error))

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        self._break("interrupted")
        self._take(("interrupted", utterance, heard_ms))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        self._break("note")
        self._take(("note", text, reply))
        return self.takes_notes

    async def ask_again(self) -> bool:
        self.asked_again += 1
        return self.asks_again

    async def events(self) -> AsyncIterator[AgentEvent]:
        while True:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            yield event
            del event

    async def give_up(self, reason: str) -> None:
        self._break("give_up")
        self.put(Ended(by_agent=False, reason="given_up", detail=reason))

    async def close(self) -> None:
        self.closed = True
        self._break("close")

    def _take(self, message: Any) -> None:
        assert self.ready_at is not None, f"{message} came before the session was ready"
        self.sent.append(message)

    def _break(self, method: str) -> None:
        if method in self.broken:
            raise ZeroDivisionError(method)


@dataclass
class Destination:
    """Takes events; answers transfers as told, after a while."""

    answer_after_s: float = 0.0
    verdict: Mapping[str, Any] = field(default_factory=lambda: {"accepted": True, "target": "sales", "reason": None})
    events: list[Mapping[str, Any]] = field(default_factory=list)

    async def deliver(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        self.events.append(event)
        await asyncio.sleep(self.answer_after_s)
        return {"transfer": self.verdict} if event["type"] == "call.transfer_requested" else {}

    async def offer(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self.deliver(event)


class Talk:
    """One call's conversation. Made inside the event loop."""

    def __init__(
        self, *sessions: Session, apology: Apology | None = None, own_tools: Sequence[Tool] = (), **agent: Any
    ) -> None:
        loop = asyncio.get_running_loop()
        self.loop = loop
        self.began = loop.time()
        self.sessions = list(sessions)
        self.line = TapedLine(echo=lambda name: self.pacer.mark_echoed(name))
        self.quality, now = Quality(), datetime.now(UTC)
        self.facts, log = CallFacts("c", "s", "", "", now, loop.time), CallLog("c", "s")
        self.playout, self.transcript = Playout(), Transcript(now)
        self.destination = Destination()
        self.outcome: asyncio.Future[tuple[EndReason, str]] = loop.create_future()
        self.defects: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.uplink = Uplink(LINE, self.quality, on_defect=lambda error: self.conversation.defect(error))
        self.answers = Answers(self.uplink.voice, LINE.rate_hz)
        self.pacer = Pacer(
            self.line,
            exotel.Encoder("s", 8000),
            self.playout,
            Framing(8000, 800, 800, 0.2),
            quality=self.quality,
            on_heard=lambda name, ms, cut: self.transcript.heard(name, ms, interrupted=cut),
            answers=self.answers,
        )
        self.hand_over = HandOver(
            self.facts, Events(self.destination), self.pacer, spawn=self.spawn, close=lambda: self.conversation.close()
        )
        self.ambience: list[Any] = []
        self.idle_speech: Apology | None = None
        self.parts = CallParts(
            facts=self.facts,
            playout=self.playout,
            pacer=self.pacer,
            uplink=self.uplink,
            outbox=Outbox(log),
            tools=lambda: Tools([transfer_tool(self.hand_over.request), ambience_tool(self.ambience.append)]),
            own_tools={f"agent_{number}": own_tools for number in range(len(sessions))},
            waiting_sound=lambda _: None,
            idle_speech=lambda spec: self.idle_speech,
            hand_over=self.hand_over,
            transcript=self.transcript,
            answers=self.answers,
            quality=self.quality,
            log=log,
            metrics=Metrics(),
            spawn=self.spawn,
            ticker=Ticker(),
            announce=lambda: None,
            end=self.end,
        )
        self.conversation = Conversation(self.parts, CallInfo("c", "s", "", "", LINE), self._new_session)
        self._made = 0
        self._chain = [AgentSpec(f"agent_{n}", "v", "1", **agent) for n in range(len(sessions))]
        self.spawn(self.pacer.begin())
        self.spawn(self.conversation.run(self._chain, apology))

    def _new_session(self, spec: AgentSpec) -> Session:
        session = self.sessions[self._made % len(self.sessions)]
        self._made += 1
        if "constructor" in session.broken:
            raise ZeroDivisionError("constructor")
        return session

    @property
    def now(self) -> float:
        """Seconds since the call began."""
        return self.loop.time() - self.began

    @property
    def agents(self) -> list[tuple[str, str]]:
        """Alias and end reason of every agent the call had."""
        return [(entry.agent.alias, entry.end_reason) for entry in self.facts.agents]

    def end(self, reason: EndReason, detail: str) -> None:
        if not self.outcome.done():
            self.outcome.set_result((reason, detail))

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.defects.append(error)

    async def over(self, within_s: float = 60.0) -> tuple[EndReason, str]:
        """How the call ends."""
        async with asyncio.timeout(within_s):
            return await asyncio.shield(self.outcome)

    async def stop_after(self, seconds: float) -> None:
        """Let time pass, then end the call."""
        await asyncio.sleep(seconds)
        await self.stop()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert not self.defects, "a task of the call's failed"


def play(story: Callable[[], Awaitable[Any]]) -> Any:
    """Run a story in virtual time."""
    return virtual_time.run(story())
