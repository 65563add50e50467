"""Sends the playout to the line in real time: the only writer of the line's socket (design D2)."""

import asyncio
from collections.abc import Iterator
from typing import Final

from relay.audio.line_clock import LineClock
from relay.audio.playout import Frame, Playout, Readiness
from relay.events.records import Quality
from relay.line import exotel
from relay.line.answers import Answers
from relay.line.echo_guard import EchoGuard
from relay.line.framing import Framing
from relay.line.heard import Heard, HeardCallback
from relay.line.lead import Lead
from relay.line.pacing import Pacing
from relay.line.schedule import Schedule, Step
from relay.line.sending import Sending
from relay.line.socket import Line
from relay.line.ticker import LATE_S, NEVER, TICK_S, Ticker
from relay.recording.recorder import Recorder

_FADE_SECONDS: Final = 0.2  # of the ambience, at the end of a call


class Pacer:
    """Frames on an absolute schedule, as far ahead as `Lead` says: no drift, no burst after a stall.

    Without ambience the line is left quiet between utterances, and speech is sent as soon as it arrives.
    """

    def __init__(
        self,
        line: Line,
        encoder: exotel.Encoder,
        playout: Playout,
        framing: Framing,
        *,
        quality: Quality,
        on_heard: HeardCallback,
        answers: Answers | None = None,
        echo: EchoGuard | None = None,
        ticker: Ticker | None = None,
    ) -> None:
        self._line = line
        self._playout = playout
        self._framing = framing
        self._quality = quality
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._ticker = ticker or Ticker()
        self._clock = LineClock(framing.rate_hz)
        self._heard = Heard(self._clock, quality, on_heard, answers)
        self._lead = Lead(framing.frame_s, fixed_s=framing.lead_s, loop=self._ticker.reserve)
        self._schedule = Schedule(framing, playout, self._clock, self._lead, self._heard, self._ticker.stood_still)
        self._sending = Sending(line, encoder, playout, self._clock, self._heard, quality, echo, self._loop.time)
        self._pacing = Pacing(line)
        self._chosen: Step | None = None  # to be done at `_asked_for`
        self._asked_for = NEVER
        self._news = False  # which the next turn of the loop will look at
        self._clear_wanted_at: float | None = None

    @property
    def recorder(self) -> Recorder | None:
        """Gets what is sent; None: the call is not recorded now."""
        return self._sending.recorder

    @recorder.setter
    def recorder(self, recorder: Recorder | None) -> None:
        self._sending.recorder = recorder

    def new_agent(self) -> None:
        """Another agent is going to speak: forget what was learned of the last one."""
        self._schedule.new_agent()

    def tear(self) -> None:
        """The agent failed, perhaps in the middle of a word: let that end, and leave a pause before the next agent."""
        self._playout.tear()
        self.wake()

    def said(self, utterance: str, samples: int) -> None:
        """This much of `utterance` was just put into the playout."""
        now = self._loop.time()
        self._schedule.said(utterance, samples, now)
        self.wake()
        self._ticker.hurry(now)

    def wake(self) -> None:
        """There is something new in the playout: look at it in the loop's next turn, with whatever else is new then."""
        if not self._news and not self._pacing.held_up:
            self._news = True
            self._loop.call_soon(self._look)

    def interrupt(self) -> str:
        """Drop what was not played: here, and on the line with `clear`. Returns the utterance that was playing."""
        now = self._loop.time()
        cut = self._cut(now)
        playing = self._clock.playing(now) or next(iter(cut), "")
        if self._answers is not None:
            self._answers.cut(now)
        self._heard.give_up(cut, now, lost=False)
        self._clear_wanted_at = now
        self.wake()
        return playing

    @property
    def speaking(self) -> bool:
        """Whether there may be agent speech that the caller has not heard yet."""
        return bool(self._playout.queued_samples) or self._heard.speaking(self._loop.time())

    @property
    def speech_until(self) -> float:
        """When the caller has heard all agent speech sent so far, by the clock."""
        return self._heard.speech_until

    def heard_ms(self, utterance: str) -> int:
        """Milliseconds of `utterance` the caller has heard by now."""
        return self._heard.milliseconds(utterance, self._loop.time())

    def line_uneven(self, late_s: float) -> None:
        """A frame from the line was this late."""
        now = self._loop.time()
        self._lead.uneven(late_s, now, own_s=self._ticker.stood_still(now))

    def mark_echoed(self, name: str) -> None:
        """The line has played everything up to this mark."""
        now, behind_s = self._loop.time(), self._heard.behind_s(name)
        if (delay_s := self._heard.echoed(name, now)) is None:
            return
        reserve_s = self._lead.reserve_s
        if stalled := self._schedule.waited(now):  # without a pause, whatever pauses there were when it was sent
            moved = self._lead.stalled(delay_s, now - self._lead.way_s + behind_s - self._clock.dry_at)
        else:
            moved = self._lead.echoed(delay_s, now, own_s=self._ticker.stood_still(now))
        if (recorder := self._sending.recorder) is not None:
            recorder.echoed(delay_s, moved, self._lead.way_s, self._lead.seconds, stalled=stalled)
        if moved:
            self._clock.moved(moved, now)
            self._heard.moved(moved)
            self._schedule.ahead_s = max(0.0, self._schedule.ahead_s + moved)
        if moved or self._chosen is None or not self._chosen.count or self._lead.reserve_s != reserve_s:
            self.wake()  # ambience may have waited for this echo, or the next frame is due at another time

    async def played_out(self) -> None:
        """Wait until the caller has heard all speech so far: by the echo of its mark, or by the clock.

        Speech that arrives in the meantime is waited for too.
        """
        while self._playout.queued_samples or self._heard.awaited or self._heard.open_utterance:
            self._heard.changed.clear()
            changed = await self._heard.changed.wait(self._heard_by())
            # a mark may have been sent in the meantime, and its echo is more reliable
            if not changed and self._heard_by() <= self._loop.time():
                self._heard.give_up((), self._loop.time(), lost=True)
                return

    def _heard_by(self) -> float:
        unsent_s = self._playout.queued_samples / self._framing.rate_hz
        return self._heard.expected_by(unsent_s, self._loop.time(), ending=self._playout.ending)

    def settle(self) -> None:
        """The agents are done: use the clock for speech that is still on its way."""
        now = self._loop.time()
        self._heard.give_up(self._cut(now), now, lost=True)
        self._heard.expect_no_echo()
        self._quality.lead_ms = round(self._lead.seconds * 1000)
        self._quality.line_ms = self._lead.percentiles_ms()
        self._quality.line_late_ms = round(self._lead.late_s * 1000)

    async def fade_out(self) -> None:
        """The line is about to be closed: fade the ambience out audibly, within its own length."""
        if self._playout.ambience is None or self._playout.ambience.silent:
            return
        self._playout.ambience.fade_out(_FADE_SECONDS)
        await asyncio.sleep(_FADE_SECONDS + self._framing.frame_s)
        await asyncio.sleep(max(0.0, self._clock.dry_at - self._loop.time()))

    def _cut(self, now: float) -> tuple[str, ...]:
        """Drop what waits here; returns the utterances cut here or on the line, in playing order."""
        return tuple(dict.fromkeys([*self._clock.upcoming(now), *self._playout.flush()]))

    def begin(self) -> "asyncio.Future[None]":
        """Send until what this returns is cancelled. It raises what goes wrong in here.

        The line hears something at once, silence if there is nothing else: platforms give up on a mute bot. From then
        on the ticker calls for each frame.
        """
        self._loop.call_soon(self._begin)
        return self._pacing.begin()

    def _begin(self) -> None:
        unwritten: Iterator[bytes] | None = None
        try:
            if self._playout.readiness(self._framing.frame) is Readiness.NOTHING and not self._pacing.ended:
                unwritten = self._sending.frame(Frame(bytes(2 * self._framing.frame)), self._loop.time())
        except Exception as error:  # noqa: BLE001 - it ends this call, not the others
            self._pacing.fail(error)
        self._pacing.go_on(unwritten, self._look)

    def _look(self) -> None:
        """There may be something new in the playout."""
        self._news = False
        if not self._pacing.held_up:
            self._send_due(None, self._loop.time())

    def tick(self, when: float, now: float) -> None:
        """See Ticking: time for what was chosen, unless it was chosen anew in the meantime."""
        if when != self._asked_for or self._pacing.held_up:
            return
        self._asked_for = NEVER
        if now - when > LATE_S:
            self._lead.fired(now - when, now)
        elif self._news:  # the loop's next turn will send it; this one may take long
            self._asked_for = now + TICK_S
            self._ticker.at(self._asked_for, self)
            return
        self._send_due(None if self._news else self._chosen, now, once=True)

    def _send_due(self, step: Step | None, now: float, *, once: bool = False) -> None:
        """Send the frame of `step`, and what else is due; choose the next, and ask the ticker for its moment. `once`:
        a second frame comes after those of other calls, because a lead that rose after a standstill rose for all.
        """
        sent = False
        try:
            while True:
                unwritten: Iterator[bytes] | None = None
                if self._clear_wanted_at is not None:
                    if (certain_at := self._clock.certain_at(now)) > now:
                        self._chosen, self._asked_for = None, certain_at
                        self._ticker.at(certain_at, self)
                        return
                    unwritten = self._sending.clear(self._clear_wanted_at)
                    self._clear_wanted_at, self._schedule.ahead_s = None, 0.0
                elif step is not None and step.count:
                    unwritten, sent = self._sending.frame(self._schedule.take(step, now), now), once
                if unwritten is not None:
                    self._pacing.go_on(unwritten, self._look)
                    return
                step = self._schedule.next(now)
                if step is None:
                    self._asked_for = NEVER
                    return
                if step.due > now or sent:
                    self._chosen, due = step, max(step.due, now)
                    if due != self._asked_for:
                        self._asked_for = due
                        self._ticker.at(due, self)
                    return
        except Exception as error:  # noqa: BLE001 - it ends this call, not the timer of all
            self._pacing.fail(error)
