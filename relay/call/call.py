"""One call, from its `start` to the hand-over."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from common.proof import prove
from common.trace import trace_id, traceparent
from relay.agents.roster import AgentSpec, RecordMode
from relay.agents.seam import AgentSession, CallInfo
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.call.answers import Answers
from relay.call.caller import Caller
from relay.call.conversation import Conversation
from relay.call.hand_over import HandOver
from relay.call.outbox import Outbox
from relay.call.parts import CallParts
from relay.call.reception import Reception
from relay.call.report import CallReport
from relay.call.tools import Tools, ambience_tool, recording_tools, transfer_tool
from relay.call.transcript import Transcript
from relay.control.ambience import AmbienceChange
from relay.control.commands import Commands
from relay.events.delivery import Event
from relay.events.progress import Progress
from relay.events.records import CallFacts, EndReason, Quality
from relay.line import exotel
from relay.line.echo_guard import EchoGuard
from relay.line.framing import Framing
from relay.line.line_check import LineCheck
from relay.line.pacer import Pacer
from relay.line.socket import Line
from relay.line.uplink import Uplink
from relay.logs import CallLog
from relay.recording.recorder import Recorder
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
        rate_hz = start.rate_hz if start.rate_hz in exotel.LINE_RATES else 8000
        self._line = line
        self._start = start
        self._services = services
        self.lineup = services.lineup
        self._asked_for = asked_for
        self._spec = spec
        self.rate_hz = rate_hz
        self._format = AudioFormat(Encoding.PCM, rate_hz)
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[tuple[EndReason, str]] = self._loop.create_future()
        self._tasks = Tasks(self._defect)
        self.log = line.log = CallLog(start.call_sid, start.stream_sid, self._trace_id())
        self.quality = Quality()
        self.facts = CallFacts(
            start.call_sid,
            start.stream_sid,
            start.from_number,
            start.to_number,
            datetime.now(UTC),
            self._loop.time,
            self.lineup.version,
            traceparent=traceparent(start.call_sid) if services.tracing else "",
        )
        self.transcript = Transcript(self.facts.started_at)
        self.playout = Playout(
            self.lineup.sounds.ambience(spec, rate_hz, start.call_sid) if spec else None, rate_hz=rate_hz
        )
        self._echo: EchoGuard | None = None  # if it is off, frames skip the guard
        if spec is not None and spec.echo_guard != "off":
            self._echo = EchoGuard(rate_hz, spec.echo_guard, services.echo_pool, self.log)
        self._uplink = Uplink(self._format, self.quality, echo=self._echo, on_defect=self._agent_defect)
        self._answers = Answers(self._uplink.voice, rate_hz)
        self._pacer = self._make_pacer()
        self._uplink.on_uneven = self._pacer.line_uneven
        self._report = self._make_report()
        self._hand_over = HandOver(
            self.facts, services.events, self._pacer, spawn=self._tasks.spawn, close=self._close_for_transfer
        )
        self._commands = Commands(
            self, self.facts, self.log, spawn=self._tasks.spawn, settled=lambda: self._progress.news()
        )
        self._progress = self._make_progress()
        self.transcript.turn_ended = self._progress.news
        parts = self.parts = self._parts()
        self.conversation = Conversation(parts, self._call_info(), new_session)
        self._caller = Caller(line, parts, self.conversation, LineCheck(rate_hz, start.encoding), self.end)
        self._recorder: Recorder | None = None
        self._reception = Reception(
            start,
            services,
            self.lineup,
            parts,
            self.conversation,
            asked_for=asked_for,
            spec=spec,
            rate_hz=rate_hz,
            new_session=new_session,
            begins=self._begins,
            lets_in=self._lets_in,
            refuse=self._refuse,
        )

    # --- from outside ---

    async def run(self) -> None:
        """The whole call. Returns when its event is stored, or on its way, and the line is closed."""
        self._register()
        self.record(self._spec.record if self._spec else "off")
        limit = self._loop.call_later(self._services.settings.max_call_s, self.end, EndReason.TIME_LIMIT, "")
        reading = self._tasks.spawn(self._caller.run())
        pacing = self._tasks.spawn(self._pacer.run())
        reading.add_done_callback(lambda _: pacing.cancel())  # after `stop` nothing more is sent
        self._tasks.spawn(self._uplink.run())
        self._tasks.spawn(self._progress.run())
        self._tasks.spawn(self._reception.run())
        try:
            reason, detail = await asyncio.shield(self._over)
            self._caller.stop()
            # an agent may take seconds to close; the line must not wait for that
            unheard = reason.ended_by in {"caller", "line"}
            await self._tasks.stop(but=() if unheard else (pacing, reading))
            await self._finish(reason, detail, pacing)
        finally:
            limit.cancel()
            self._caller.stop()
            await self._tasks.stop()

    def end(self, reason: EndReason, detail: str = "") -> None:
        """End the call; the first reason is kept."""
        if not self._over.done():
            self._over.set_result((reason, detail))

    def change_ambience(self, change: AmbienceChange) -> None:
        """Applied at once, as a ramp; does nothing in a call without ambience."""
        if self.playout.ambience is not None:
            change.apply(self.playout.ambience)
            self._pacer.wake()

    def record(self, mode: RecordMode) -> None:
        """Record this call in this way from now on, as its agent or a look-up asks for; an earlier recording is
        dropped.

        The caller is not recorded before the agent is let on the line.
        """
        if self._recorder is not None and self._recorder.mode != mode:
            self._recorder.discard()
            self._recorder = None
        if self._recorder is None and mode != "off":
            self._recorder = self._services.recordings.begin(self.facts, self.rate_hz, mode, self.log)
        if self._recorder is not None and self._spec is not None:
            self._recorder.mask_keys = self._spec.mask_keys
            self._recorder.pause_on_keys = self._spec.record_pause_on_keys
        self._uplink.recorder = self._pacer.recorder = self._caller.recorder = self._recorder

    @property
    def queued_s(self) -> float:
        """Agent speech waiting to be played, in seconds."""
        return self.playout.queued_samples / self.rate_hz

    def check(self, now: float) -> None:
        """Called every second: are line and agent still there?"""
        if self._line.stalled_for(now) > STALL_LIMIT:
            self.end(EndReason.LINE_STALLED, f"the line has not read for {STALL_LIMIT:g} s")
        elif now - self._line.heard_from_at > SILENCE_LIMIT:
            self.end(EndReason.LINE_STALLED, f"the line has sent nothing for {SILENCE_LIMIT:g} s")
        else:
            self.conversation.check(now)

    # --- parts ---

    def _make_pacer(self) -> Pacer:
        return Pacer(
            self._line,
            exotel.Encoder(self._start.stream_sid, self.rate_hz, self._start.encoding),
            self.playout,
            Framing.of(self._services.settings, self.rate_hz, self._start.encoding),
            quality=self.quality,
            on_heard=self._on_heard,
            answers=self._answers,
            echo=self._echo,
            ticker=self._services.ticker,
        )

    def _make_report(self) -> CallReport:
        return CallReport(
            self.facts,
            self.transcript,
            self.quality,
            events=self._services.events,
            metrics=self._services.metrics,
            log=self.log,
            relay=self._services.settings.instance,
            rate_hz=self.rate_hz,
            asked_for=self._asked_for,
            tracing=self._services.tracing,
        )

    def _make_progress(self) -> Progress:
        return Progress(
            self.facts,
            self.transcript,
            self._answers,
            events=self._services.events,
            every_s=self._services.settings.progress_s,
            state=self._so_far,
            log=self.log,
            take=self._commands.take,
            commands=self._commands.as_json,
        )

    def _so_far(self) -> Event:
        so_far = self._report.so_far(self._hand_over.transfer, self._hand_over.arranged_at, self.playout.ambience)
        roster = self.lineup.roster
        choices = {"agents": [agent.alias for agent in roster], "announcements": list(roster.announcements)}
        return {**so_far, "choices": choices}

    def _trace_id(self) -> str:
        return trace_id(self._start.call_sid) if self._services.tracing else ""

    def _parts(self) -> CallParts:
        return CallParts(
            facts=self.facts,
            playout=self.playout,
            pacer=self._pacer,
            uplink=self._uplink,
            outbox=Outbox(self.log),
            tools=Tools(
                [
                    transfer_tool(self._hand_over.request),
                    ambience_tool(self.change_ambience),
                    *recording_tools(lambda: self._recorder),
                ]
            ),
            own_tools=self.lineup.own_tools,
            waiting_sound=lambda file: self.lineup.sounds.waiting(file, self.rate_hz),
            idle_speech=lambda spec: self.lineup.sounds.idle(spec, self.rate_hz),
            hand_over=self._hand_over,
            transcript=self.transcript,
            answers=self._answers,
            quality=self.quality,
            log=self.log,
            metrics=self._services.metrics,
            spawn=self._tasks.spawn,
            announce=self._report.announce,
            end=self.end,
        )

    def _call_info(self) -> CallInfo:
        start, secret = self._start, self._services.settings.events_secret
        return CallInfo(
            start.call_sid,
            start.stream_sid,
            start.from_number,
            start.to_number,
            self._format,
            start.custom_parameters,
            proof=prove(start.call_sid, start.stream_sid, secret) if secret else "",
        )

    # --- start ---

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

    def _begins(self, spec: AgentSpec, mode: RecordMode | None) -> None:
        """The agent has been chosen, and whether to record: None, as the agent's entry says."""
        self._spec = spec
        self.record(spec.record if mode is None else mode)

    def _lets_in(self) -> None:
        """The agent gets the call."""
        if self._recorder is not None:
            self._recorder.let_caller_in()

    def _refuse(self, reason: EndReason, detail: str) -> None:
        self._report.refused(reason, detail)
        self.end(reason, detail)

    # --- reports of its parts ---

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

    # --- end ---

    async def _close_for_transfer(self) -> None:
        await self.conversation.close()

    async def _finish(self, reason: EndReason, detail: str, pacing: "asyncio.Task[None]") -> None:
        self._pacer.settle()
        if self._recorder is not None and pacing.done():
            self._recorder.stop()  # the line is gone: what was on its way will not be heard
        self._report.measure(self._answers, self._uplink.meter, self.playout.ambience)
        if self._echo is not None:
            self._echo.close(self.quality)
        self.quality.malformed = self._line.malformed
        self.quality.unknown_events = self._line.unknown_events
        if self._services.calls.get(self._start.call_sid) is self:
            del self._services.calls[self._start.call_sid]
        await self._report.ended(reason, detail, self._hand_over.transfer, self._commands.as_json())
        if not pacing.done():  # the ambience played while the event was being stored: the line must not sound dead
            await self._pacer.fade_out()
        await self._tasks.stop()
        if self._recorder is not None:
            self._services.recordings.end(self._recorder, self.facts, self.log)
        last = self.facts.agents[-1] if self.facts.agents and reason is EndReason.AGENT_FAILED else None
        await self._line.close(reason=f"{reason} {last.agent.vendor} {last.end_reason}" if last else reason)
