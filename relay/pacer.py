"""Sends the playout to the line in real time: the only writer of the line's socket (design D2)."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from relay import exotel
from relay.answers import Answers
from relay.audio.line_clock import LineClock
from relay.audio.playout import Frame, Playout, Readiness
from relay.line import Line
from relay.records import Quality

MARK_GRACE: Final = 2.0  # how long after the sound an echo of its mark may come (exotel.md 1.9)
_JITTER: Final = 0.5  # the line plays later than our clock thinks, by what the network took
_WIRE_MARGIN: Final = 0.03  # what is left for the network when a frame was waited for
_BACKLOG: Final = 1.0  # a mark echoed so late: a network that stood still has given the line more than it needs
_GAP_MIN: Final = 0.001
_GAP_MAX: Final = 1.0  # an agent silent for longer has paused, and the caller hears a pause, not a hole

HeardCallback = Callable[[str, int, bool], None]
"""(utterance, milliseconds heard, interrupted)"""


class Pacer:
    """Frames on an absolute schedule: one frame of lead, what is due and no more after a stall, no drift ever.

    Without ambience the line is left quiet between utterances, and speech goes out the moment it comes.
    """

    def __init__(
        self,
        line: Line,
        encoder: exotel.Encoder,
        playout: Playout,
        *,
        rate_hz: int,
        frame_bytes: int,
        quality: Quality,
        on_heard: HeardCallback,
        answers: Answers | None = None,
    ) -> None:
        self._line = line
        self._encoder = encoder
        self._playout = playout
        self._rate_hz = rate_hz
        self._frame_samples = frame_bytes // 2
        self._lead = self._frame_samples / rate_hz
        self._quality = quality
        self._on_heard = on_heard
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._clock = LineClock(rate_hz)
        self._waiter: asyncio.Future[None] | None = None
        self._clear_wanted_at: float | None = None
        self._partial_since: float | None = None
        self._open_utterance = ""
        self._endless = False  # what was sent last has ambience, which must not break off
        self._sent: dict[str, int] = {}
        self._marks: deque[str] = deque()
        self._mark_due = 0.0  # when the last of them is passed if the line plays in time
        self._caught_up = True
        self._echoed = asyncio.Event()
        self._speech_until = -_JITTER

    # --- what the call asks for ---

    def wake(self) -> None:
        """There is something new in the playout."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def interrupt(self) -> str:
        """Drop what was not played: locally, and on the line by `clear`. Returns the utterance that was playing."""
        now = self._loop.time()
        cut = self._cut(now)
        playing = self._clock.playing(now) or next(iter(cut), "")
        if self._answers is not None:
            self._answers.cut(now)
        self._report(cut)  # echoes of cleared marks may still come and mean nothing (exotel.md 1.6)
        self._echoed.set()
        self._clear_wanted_at = now
        self.wake()
        return playing

    @property
    def speaking(self) -> bool:
        """Whether there may be agent speech that the caller has yet to hear."""
        if self._playout.queued_samples or self._marks:
            return True
        return self._speech_until + _JITTER > self._loop.time()

    def heard_ms(self, utterance: str) -> int:
        """Milliseconds of `utterance` the caller has heard by now."""
        return self._clock.heard(utterance, self._loop.time()) * 1000 // self._rate_hz

    def mark_echoed(self, name: str) -> None:
        """The line has played everything up to this mark."""
        if name not in self._marks:
            return
        while self._marks:
            utterance = self._marks.popleft()
            self._on_heard(utterance, self._sent.get(utterance, 0) * 1000 // self._rate_hz, False)
            if utterance == name:
                break
        self._echoed.set()
        if not self._marks:
            self._catch_up(self._loop.time() - self._mark_due)

    def _catch_up(self, late: float) -> None:
        """All speech has been heard, `late` seconds after its time.

        What the line still holds is ambience. Played to its end, as ambience never ends, it would delay whatever the
        agent says from now on: drop it. Once is enough, for a line that is late by nature.
        """
        if late <= _BACKLOG:
            self._caught_up = True
        elif self._caught_up and self._endless and not self._playout.queued_samples and not self._open_utterance:
            self._caught_up = False
            self._clear_wanted_at = self._loop.time()
            self.wake()

    async def played_out(self) -> None:
        """Wait until the caller has heard all speech so far: by the echo of its mark, or by the clock.

        Speech that comes while this waits is waited for too.
        """
        while self._playout.queued_samples or self._marks or self._open_utterance:
            self._echoed.clear()
            try:
                async with asyncio.timeout_at(self._heard_by()):
                    await self._echoed.wait()
            except TimeoutError:
                # a mark may have been sent meanwhile, and its echo is the better witness
                if self._heard_by() <= self._loop.time():
                    self._quality.marks_lost += len(self._marks)
                    self._report(())
                    return

    def _heard_by(self) -> float:
        """When the caller has heard all speech so far, with some patience where an echo will say so."""
        unsent = self._playout.queued_samples / self._rate_hz
        ending = bool(self._marks) or self._playout.ending
        start = max(self._speech_until, self._loop.time()) if unsent or self._playout.ending else self._speech_until
        return start + unsent + (MARK_GRACE if ending else 0.0)

    def settle(self) -> None:
        """The call is over: the clock says what was heard of speech still on its way."""
        self._quality.marks_lost += len(self._marks)
        self._report(self._cut(self._loop.time()))

    def _cut(self, now: float) -> tuple[str, ...]:
        """Drop what waits here; the utterances cut short here or on the line, in the order of their playing."""
        return tuple(dict.fromkeys([*self._clock.upcoming(now), *self._playout.flush()]))

    def _report(self, cut: tuple[str, ...]) -> None:
        """Say by the clock what was heard of all that no echo has confirmed; `cut`: of which there was more."""
        for utterance in dict.fromkeys([*self._marks, self._open_utterance, *cut]):
            if utterance:
                self._on_heard(utterance, self.heard_ms(utterance), utterance in cut)
        self._marks.clear()
        self._open_utterance = ""

    # --- the schedule ---

    async def run(self) -> None:
        """Send until cancelled.

        The line hears something at once, silence if there is nothing else: platforms give up on a mute bot.
        """
        if self._playout.readiness(self._frame_samples) is Readiness.NOTHING:
            await self._send(Frame(bytes(2 * self._frame_samples)))
        while True:
            if self._clear_wanted_at is not None:
                await self._clear(self._clear_wanted_at)
            due = self._due()
            if due is None or due > self._loop.time():
                await self._wait(due)
                continue
            self._partial_since = None
            await self._send(self._playout.pull(self._frame_samples))

    def _due(self) -> float | None:
        """When the next frame is to be sent; None while there is nothing to send.

        A full frame goes one lead ahead of the moment the line runs dry. A frame that is only partly filled waits for
        the rest almost until that moment, because padding would be a hole in a word.
        """
        readiness = self._playout.readiness(self._frame_samples)
        if readiness is not Readiness.PARTIAL:
            self._partial_since = None
        if readiness is Readiness.NOTHING:
            return None
        dry_at = self._clock.dry_at
        if readiness is Readiness.FULL:
            return dry_at - self._lead
        if self._partial_since is None:
            self._partial_since = self._loop.time()
        wait_from = dry_at - self._lead if dry_at > self._partial_since else self._partial_since
        return wait_from + self._lead - min(_WIRE_MARGIN, self._lead / 2)

    async def _wait(self, until: float | None) -> None:
        self._waiter = self._loop.create_future()
        timer = None if until is None else self._loop.call_at(until, self._wake_up, self._waiter)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    @staticmethod
    def _wake_up(waiter: "asyncio.Future[None]") -> None:
        if not waiter.done():
            waiter.set_result(None)

    async def _clear(self, wanted_at: float) -> None:
        self._clear_wanted_at = None
        await self._line.send(self._encoder.clear())
        now = self._loop.time()
        dropped = self._clock.cleared(now)
        if self._playout.ambience is not None:
            self._playout.ambience.rewind(dropped)
        took_ms = (now - wanted_at) * 1000
        self._quality.clear_ms_max = round(max(took_ms, self._quality.clear_ms_max or 0.0), 3)

    async def _send(self, frame: Frame) -> None:
        if frame.pcm:
            now = self._loop.time()
            await self._line.send(self._encoder.media(frame.pcm))
            self._note_sent(frame, now)
        for utterance in frame.ended:
            self._marks.append(utterance)
            if utterance == self._open_utterance:
                self._open_utterance = ""
            self._speech_until = max(self._speech_until, self._loop.time())  # its echo can't be expected before
            self._mark_due = max(self._clock.dry_at, self._loop.time())
            await self._line.send(self._encoder.mark(utterance))

    def _note_sent(self, frame: Frame, now: float) -> None:
        mid_utterance = bool(frame.spans) and frame.spans[0].utterance == self._open_utterance
        dry_for = self._clock.sent(frame, now)
        self._quality.frames_out += 1
        if dry_for > _GAP_MIN and (self._endless or (mid_utterance and dry_for < _GAP_MAX)):
            self._quality.gaps += 1
            self._quality.gap_ms += round(dry_for * 1000)
        ambience = self._playout.ambience
        self._endless = ambience is not None and not ambience.silent
        starts_at = self._clock.dry_at - frame.samples / self._rate_hz
        for span in frame.spans:
            if self._answers is not None and span.utterance not in self._sent:
                self._answers.on_line(span.utterance, starts_at + span.offset / self._rate_hz)
            self._sent[span.utterance] = self._sent.get(span.utterance, 0) + span.samples
        if frame.spans:
            self._speech_until = self._clock.dry_at
            last = frame.spans[-1].utterance
            self._open_utterance = "" if last in frame.ended else last
