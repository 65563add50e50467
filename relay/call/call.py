"""One call, from its `start` to the hand-over."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession
from relay.call.caller import Caller
from relay.call.conversation import Conversation
from relay.call.hand_over import HandOver
from relay.call.outbox import Outbox
from relay.call.parts import CallParts
from relay.call.progress import Progress
from relay.call.reception import Reception
from relay.call.recording import CallRecording
from relay.call.report import CallReport
from relay.call.sound import CallSound
from relay.call.start import facts_of, info_of, log_of, rate_of
from relay.call.tools import Tools, tools_of
from relay.call.transcript import Transcript
from relay.control.commands import Commands
from relay.ended import let_go
from relay.events.records import EndReason, Quality
from relay.line import exotel
from relay.line.line_check import LineCheck
from relay.line.socket import Line
from relay.services import Services
from relay.tasks import Tasks

STALL_LIMIT: Final = 5.0  # seconds without reading, after which the line is dead
SILENCE_LIMIT: Final = 15.0  # a line sends 50 frames a second, silence included (exotel.md 1.10)


class Call:
    """A line and its agents. `spec`: the agent for the call, None if the one that was `asked_for` is not configured."""

    def __init__(
        self,
        line: Line,
        start: exotel.Start,
        services: Services,
        *,
        asked_for: str,
        spec: AgentSpec | None,
        new_session: Callable[[AgentSpec], AgentSession],
    ) -> None:
        rate_hz = self.rate_hz = rate_of(start)
        self._line = line
        self._start = start
        self._services = services
        self.lineup = services.lineup
        self._spec = spec
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[tuple[EndReason, str]] = self._loop.create_future()
        self._tasks = Tasks(self._defect)
        spawn = self._spawn = self._tasks.spawn  # one for all: each look-up would make another
        self.log = line.log = log_of(start, services)
        self.quality = Quality()
        self.facts = facts_of(start, services, self._loop.time)
        self.transcript = Transcript(self.facts.started_at)
        sound = CallSound(
            line,
            start,
            services,
            spec,
            rate_hz=rate_hz,
            quality=self.quality,
            log=self.log,
            on_heard=self._on_heard,
            on_defect=self._agent_defect,
        )
        self.sound: CallSound = sound  # with its type, like the other two that relay.call.tools uses
        self._report = CallReport(
            self.facts, self.transcript, self.quality, services, log=self.log, rate_hz=rate_hz, asked_for=asked_for
        )
        self.hand_over: HandOver = HandOver(
            self.facts, services.events, sound.pacer, spawn=spawn, close=self._close_conversation
        )
        self._commands = Commands(self, self.facts, self.log, spawn=spawn, settled=self._news)
        self._progress = self._make_progress()
        parts = self.parts = self._parts()
        self.conversation = Conversation(
            parts, info_of(start, sound.format, services.settings.events_secret), new_session
        )
        self._caller = Caller(line, parts, self.conversation, LineCheck(rate_hz, start.encoding))
        self.recording: CallRecording = CallRecording(
            services.recordings, self.facts, rate_hz, self.log, (sound.uplink, sound.pacer, self._caller)
        )
        self._reception = Reception(
            start,
            services,
            parts,
            self.conversation,
            self.recording,
            self._report,
            asked_for=asked_for,
            spec=spec,
            rate_hz=rate_hz,
            new_session=new_session,
        )

    # --- from outside ---

    async def run(self) -> None:
        """The whole call. Returns when its event is stored, or on its way, and the line is closed."""
        self._register()
        if self._spec is not None:
            self.recording.follow(self._spec)
        spawn = self._spawn
        self._tasks.watch(pacing := self.sound.pacer.begin())
        reading = spawn(self._caller.run(pacing))
        self.sound.uplink.begin(self._services.ticker, spawn)
        self._progress.begin(self._services.ticker, spawn)
        spawn(self._reception.run())
        try:
            reason, detail = await self._over
            self._stop()
            # an agent may take seconds to close; the line must not wait for that
            await self._tasks.stop(but=() if reason.ended_by in {"caller", "line"} else (pacing, reading))
            await self._finish(reason, detail, pacing)
        finally:
            self._stop()
            await self._tasks.stop()
            await self.conversation.close_unused()
            self._unregister()
            let_go(self, "_over")  # `end` and `check` may still be called

    def _stop(self) -> None:
        """Pass on and report nothing more."""
        self._caller.stop()
        self.sound.uplink.stop()
        self._progress.stop()

    def end(self, reason: EndReason, detail: str = "") -> None:
        """End the call; the first reason is kept."""
        if not self._over.done():
            self._over.set_result((reason, detail))

    def check(self, now: float) -> None:
        """Called every second: are line and agent still there, and is there time left?"""
        if self._over.done():
            pass
        elif self._line.stalled_for(now) > STALL_LIMIT:
            self.end(EndReason.LINE_STALLED, f"the line has not read for {STALL_LIMIT:g} s")
        elif now - self._line.heard_from_at > SILENCE_LIMIT:
            self.end(EndReason.LINE_STALLED, f"the line has sent nothing for {SILENCE_LIMIT:g} s")
        elif now - self.facts.began_at >= self._services.settings.max_call_s:
            self.end(EndReason.TIME_LIMIT)
        else:
            self.conversation.check(now)

    # --- parts ---

    def _make_progress(self) -> Progress:
        return Progress(
            self.facts,
            self.transcript,
            self.sound.answers,
            events=self._services.events,
            every_s=self._services.settings.progress_s,
            state=self._state,
            log=self.log,
            take=self._commands.take,
            commands=self._commands.as_json,
        )

    def _parts(self) -> CallParts:
        sound = self.sound
        return CallParts(
            facts=self.facts,
            playout=sound.playout,
            pacer=sound.pacer,
            uplink=sound.uplink,
            outbox=Outbox(self.log),
            tools=self._tools,
            own_tools=self.lineup.own_tools,
            waiting_sound=sound.waiting,
            idle_speech=sound.idle,
            hand_over=self.hand_over,
            transcript=self.transcript,
            answers=sound.answers,
            quality=self.quality,
            log=self.log,
            metrics=self._services.metrics,
            spawn=self._spawn,
            ticker=self._services.ticker,
            announce=self._report.announce,
            end=self.end,
        )

    def _state(self) -> Mapping[str, Any]:
        return self._report.so_far(self.hand_over, self.sound.playout.ambience)

    def _tools(self) -> Tools:
        return tools_of(self)

    def _register(self) -> None:
        """A second stream of the same call is Exotel's retry of a handshake: the later one replaces the first
        (exotel.md 1.10).
        """
        calls, start = self._services.calls, self._start
        previous = calls.get(start.call_sid)
        calls[start.call_sid] = self
        self._report.started(start, self._spec)
        if previous is not None:
            previous.end(EndReason.REPLACED, f"stream {start.stream_sid} took over")

    def _unregister(self) -> None:
        if self._services.calls.get(self._start.call_sid) is self:
            del self._services.calls[self._start.call_sid]

    # --- reports of its parts ---

    def _news(self) -> None:
        self._progress.news()

    def _close_conversation(self) -> Coroutine[Any, Any, None]:
        return self.conversation.close()

    def _agent_defect(self, error: Exception) -> None:
        self.conversation.defect(error)

    def _defect(self, error: BaseException) -> None:
        """An error in our code: this call is handed over, and others go on."""
        self.log.error("defect", exc_info=error, extra={"event": "defect"})
        self.end(EndReason.AGENT_FAILED, f"defect: {type(error).__name__}: {error}")

    def _on_heard(self, utterance: str, heard_ms: int, interrupted: bool) -> None:
        self.transcript.heard(utterance, heard_ms, interrupted=interrupted)
        if not interrupted:
            self.conversation.heard(utterance)

    async def _finish(self, reason: EndReason, detail: str, pacing: "asyncio.Future[None]") -> None:
        sound = self.sound
        sound.settle()
        if pacing.done():
            self.recording.line_gone()
        self._report.measure(sound.answers, sound.uplink.meter, sound.playout.ambience)
        self.quality.frames_in = sound.uplink.frames_in
        self.quality.malformed = self._line.malformed
        self.quality.unknown_events = self._line.unknown_events
        self._unregister()
        await self._report.ended(reason, detail, self.hand_over.transfer, self._commands.as_json())
        if not pacing.done():  # the ambience played while the event was being stored: the line must not sound dead
            await sound.pacer.fade_out()
        await self._tasks.stop()
        self.recording.end()
        last = self.facts.agents[-1] if self.facts.agents and reason is EndReason.AGENT_FAILED else None
        await self._line.close(reason=f"{reason} {last.agent.vendor} {last.end_reason}" if last else reason)
