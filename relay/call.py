"""One call, from its `start` to the hand-over."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from common.phone import mask
from relay import exotel
from relay.agents.roster import AgentSpec, Roster
from relay.agents.seam import AgentSession, CallInfo
from relay.audio.convert import AudioFormat, Encoding
from relay.audio.playout import Playout
from relay.control import AmbienceChange
from relay.conversation import Conversation, Desk
from relay.events import Events
from relay.keypad import Keypad
from relay.line import Line
from relay.line_check import LineCheck
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.pacer import Pacer
from relay.records import CallFacts, EndReason, Quality, Transfer
from relay.settings import Settings
from relay.sounds import Sounds
from relay.tools import ToolResult, Tools
from relay.transcript import Transcript, timestamp
from relay.uplink import Uplink

STALL_LIMIT: Final = 5.0  # seconds for which either side may not take what we send
SILENCE_LIMIT: Final = 15.0  # a line sends 50 frames a second, silence included (exotel.md 1.10)
EVENT_PATIENCE: Final = 2.0  # how long a call waits for its event to be stored (design D6)


@dataclass(frozen=True, slots=True)
class Services:
    """What calls share. `calls`: those that have started, by call_sid."""

    settings: Settings
    roster: Roster
    sounds: Sounds
    events: Events
    metrics: Metrics
    calls: "dict[str, Call]"


class Call:
    """A line and the agents it is given to.

    `spec` is the agent wanted, None when what was `asked_for` is not configured.
    """

    def __init__(
        self,
        line: Line,
        start: exotel.Start,
        services: Services,
        *,
        asked_for: str,
        spec: AgentSpec | None,
        open_session: Callable[[AgentSpec], AgentSession],
    ) -> None:
        rate_hz = start.rate_hz if start.rate_hz in exotel.LINE_RATES else 8000
        self._line = line
        self._start = start
        self._services = services
        self._asked_for = asked_for
        self._spec = spec
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[tuple[EndReason, str]] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._began_at = self._loop.time()
        self._announced = False
        self._transfer: Transfer | None = None
        self.log = line.log = CallLog(start.call_sid, start.stream_sid)
        self.quality = Quality()
        self.facts = CallFacts(
            start.call_sid, start.stream_sid, start.from_number, start.to_number, datetime.now(UTC), self._loop.time
        )
        self.transcript = Transcript(self.facts.started_at)
        self.playout = Playout(services.sounds.ambience(spec, rate_hz) if spec else None)
        self._pacer = Pacer(
            line,
            exotel.Encoder(start.stream_sid, rate_hz, start.encoding),
            self.playout,
            rate_hz=rate_hz,
            frame_bytes=services.settings.chunk_size,
            quality=self.quality,
            on_heard=self._on_heard,
        )
        line_format = AudioFormat(Encoding.PCM, rate_hz)
        self._rate_hz = rate_hz
        self._uplink = Uplink(line_format, self.quality)
        self._keypad = Keypad(self._send_keys)
        self._conversation = Conversation(
            self._desk(),
            CallInfo(
                start.call_sid,
                start.stream_sid,
                start.from_number,
                start.to_number,
                line_format,
                start.custom_parameters,
            ),
            open_session,
            on_tool=Tools(self._arrange_transfer, self.change_ambience, self.log.happened).answer,
            on_agent=self._announce,
        )

    # --- from outside ---

    async def run(self) -> None:
        """The whole call. Returns when its event is stored, or on its way, and the line is closed."""
        self._register()
        limit = self._loop.call_later(self._services.settings.max_call_s, self.end, EndReason.TIME_LIMIT, "")
        self._spawn(self._listen())
        self._spawn(self._pacer.run())
        self._spawn(self._uplink.run())
        self._spawn(self._converse())
        try:
            reason, detail = await asyncio.shield(self._over)
        finally:
            limit.cancel()
            self._keypad.stop()
            await self._stop_tasks()
        await self._finish(reason, detail)

    def end(self, reason: EndReason, detail: str = "") -> None:
        """Bring the call to its end; the first reason counts."""
        if not self._over.done():
            self._over.set_result((reason, detail))

    def change_ambience(self, change: AmbienceChange) -> None:
        """Applied at once, as a ramp; a call without ambience has nothing to change."""
        if self.playout.ambience is not None:
            change.apply(self.playout.ambience)
            self._pacer.wake()

    @property
    def queued_s(self) -> float:
        """Agent speech that waits to be played, in seconds."""
        return self.playout.queued_samples / self._rate_hz

    def check(self, now: float) -> None:
        """Called every second: is everybody still there?"""
        session = self._conversation.session
        if self._line.stalled_for(now) > STALL_LIMIT:
            self.end(EndReason.LINE_STALLED, f"the line has not read for {STALL_LIMIT:g} s")
        elif now - self._line.heard_from_at > SILENCE_LIMIT:
            self.end(EndReason.LINE_STALLED, f"the line has sent nothing for {SILENCE_LIMIT:g} s")
        elif session is not None and session.stalled_for(now) > STALL_LIMIT:
            self._spawn(session.give_up(f"the agent has not read for {STALL_LIMIT:g} s"))

    # --- beginning ---

    def _desk(self) -> Desk:
        return Desk(
            self.facts,
            self.playout,
            self._pacer,
            self._uplink,
            self.transcript,
            self.quality,
            self.log,
            self._services.metrics,
            self._spawn,
            self.end,
        )

    def _register(self) -> None:
        """A second stream of the same call is Exotel's retry of a handshake: the later one wins (exotel.md 1.10)."""
        calls, start = self._services.calls, self._start
        previous = calls.get(start.call_sid)
        calls[start.call_sid] = self
        self._services.metrics.started.inc()
        self.log.happened(
            "call_started",
            f"call from {mask(start.from_number)} to {mask(start.to_number)}",
            agent=self._spec.alias if self._spec else self._asked_for,
            vendor=self._spec.vendor if self._spec else "none",
            rate_hz=start.rate_hz,
            encoding=start.encoding,
            parameters_dropped=start.parameters_dropped,
        )
        if previous is not None:
            previous.end(EndReason.REPLACED, f"stream {start.stream_sid} took over")

    async def _converse(self) -> None:
        if self._spec is None:
            known = ", ".join(agent.alias for agent in self._services.roster)
            detail = f"no agent {self._asked_for[:80]!r}: expected one of {known}"
            self.log.happened("agent_failed", detail, level=logging.ERROR, reason="unknown_agent")
            self.end(EndReason.UNKNOWN_AGENT, detail)
        elif self._start.rate_hz not in exotel.LINE_RATES:
            detail = f"line at {self._start.rate_hz} Hz: expected one of {sorted(exotel.LINE_RATES)}"
            self.log.happened("agent_failed", detail, level=logging.ERROR, reason="unsupported_format")
            self.end(EndReason.UNSUPPORTED_FORMAT, detail)
        else:
            chain = self._services.roster.chain(self._spec.alias)
            speech = self._services.sounds.fallback_speech(self._spec, self._rate_hz)
            await self._conversation.run(chain, speech)

    def _announce(self) -> None:
        """The first agent has answered or could not be had: the call exists."""
        if not self._announced:
            self._announced = True
            self._services.events.submit(
                self.facts.event(
                    "started",
                    started_at=timestamp(self.facts.started_at),
                    line={"rate_hz": self._rate_hz},
                    relay=self._services.settings.instance,
                )
            )

    # --- the line's side ---

    async def _listen(self) -> None:
        receive, uplink, quality = self._line.receive, self._uplink, self.quality
        check = LineCheck(self._rate_hz, self._start.encoding)
        while True:
            event = await receive()
            match event:
                case exotel.Media():
                    quality.frames_in += 1
                    if not check.done and (problem := check.look(event)):
                        self.log.happened("line_not_pcm16", problem, level=logging.ERROR)
                    await uplink.hear(event)
                case exotel.Mark(name):
                    self._pacer.mark_echoed(name)
                case exotel.Dtmf(digit):
                    quality.dtmf += 1
                    session = self._conversation.session
                    if session is not None and session.wants_each_key:
                        self._send_keys(digit)
                    else:
                        self._keypad.press(digit)
                case exotel.Clear():
                    self._pacer.interrupt()
                case exotel.Stop(reason):
                    return self.end(EndReason.CALLER_HUNG_UP, reason)
                case None:
                    return self.end(EndReason.LINE_LOST, f"closed with {self._line.close_code}, without stop")

    def _send_keys(self, keys: str) -> None:
        self.log.happened("keys", f"the caller pressed {len(keys)} {'key' if len(keys) == 1 else 'keys'}")
        if self._conversation.session is not None:
            self._spawn(self._conversation.session.send_keys(keys))

    def _on_heard(self, utterance: str, heard_ms: int, interrupted: bool) -> None:
        self.transcript.heard(utterance, heard_ms, interrupted=interrupted)

    async def _arrange_transfer(self, transfer: Transfer) -> ToolResult:
        """The decision is stored before the line is closed, because closing it is the hand-over (design D6)."""
        answer = await self._services.events.post(
            self.facts.event("transfer_requested", transfer=transfer.as_json()), patience_s=EVENT_PATIENCE
        )
        verdict = (answer or {}).get("transfer") or {}
        if verdict.get("accepted") is False:
            return ToolResult(f"transfer refused: {verdict.get('reason')}", is_error=True)
        self._transfer = transfer
        self._conversation.say_goodbye()
        return ToolResult("the transfer is arranged: say a short goodbye, then end the call")

    # --- ending ---

    async def _finish(self, reason: EndReason, detail: str) -> None:
        self._pacer.settle()
        if self._pacer.first_speech_at is not None:
            self.quality.first_audio_ms = round((self._pacer.first_speech_at - self._began_at) * 1000)
        self.quality.malformed = self._line.malformed
        self.quality.unknown_events = self._line.unknown_events
        if self._services.calls.get(self._start.call_sid) is self:
            del self._services.calls[self._start.call_sid]
        self._announce()
        ended = self._ended_event(reason, detail)
        spell = self.facts.spells[-1] if self.facts.spells else None
        vendor = spell.agent.vendor if spell else "none"
        self._services.metrics.call_ended(vendor, reason, self.quality)
        self.log.happened(
            "call_ended",
            f"call ended: {reason} {detail}".strip(),
            agent=spell.agent.alias if spell else self._asked_for,
            vendor=vendor,
            end_reason=reason,
            ended_by=reason.ended_by,
            duration_s=ended["duration_s"],
            **self.quality.as_json(),
        )
        # stored before the line is closed: what Exotel does next may depend on it
        await self._services.events.post(ended, patience_s=EVENT_PATIENCE)
        failed = f" {vendor} {spell.end_reason}" if spell and reason is EndReason.AGENT_FAILED else ""
        await self._line.close(reason=f"{reason}{failed}")

    def _ended_event(self, reason: EndReason, detail: str) -> dict[str, Any]:
        return self.facts.event(
            "ended",
            started_at=timestamp(self.facts.started_at),
            ended_at=timestamp(self.facts.now()),
            duration_s=round(self._loop.time() - self._began_at, 3),
            ended_by=reason.ended_by,
            end_reason=reason,
            end_detail=detail,
            agents=[spell.as_json() for spell in self.facts.spells],
            transfer=self._transfer.as_json() if self._transfer else None,
            turns=self.transcript.as_json(),
            quality=self.quality.as_json(),
        )

    # --- tasks ---

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # a defect of ours: this call is handed over, the others don't notice
            self.log.error("defect", exc_info=error, extra={"event": "defect"})
            self.end(EndReason.AGENT_FAILED, f"defect: {type(error).__name__}: {error}")

    async def _stop_tasks(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
