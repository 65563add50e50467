"""Where sound belongs in a recording, in samples since the call began. Pure: every method is told the time.

A recording is counted in the line's own samples: what the caller says comes in as many as the line has recorded, and
what the caller hears is played in as many as the line was sent. So neither side has to be stretched or cut when the
line's clock is not ours, and what is written is what went over the line, to the sample. What is left is to say which
sample of one side was heard at which sample of the other; that goes by the clocks, and is looked at all the time:

    caller   a frame came when its last sample had been spoken, and as long after that as the network took. The frame
             that was least late lately says what time of ours the line's count stands for
    heard    a frame is played when the line's clock says (relay/audio/line_clock.py), and as much later as the echoes
             of marks have come lately: the way there and back, and what the line has fallen behind

Times are seconds since the call began.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

PAUSE_S: Final = 0.3  # a line sends 50 frames a second: so long without one, the network stands still or sound is lost
_LATELY_S: Final = 5.0  # and up to twice as long; of a clock 100 ppm off that is a millisecond
_PROVED_S: Final = 2.0  # after a pause has ended: what was only late has come by then, all at once
_LOST_S: Final = 0.06
_STEADY_S: Final = 0.012  # so far two sides may be apart before sound that is played without a break is moved
_LATE_S: Final = 0.1  # an echo so much later than usual: perhaps the network stood still
_ECHOES: Final = 10
_NOTHING: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Shift:
    """What was placed from sample `first` to `end` belongs `by` samples later."""

    first: int
    end: int
    by: int


class CallerPlace:
    """The caller's side. `end`: the sample behind the last one; `paused_at`: when a pause of the line began, last.

    `late_s`: what the line's count is behind our clock. Sample n was spoken, and here, at n / rate + this.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.end = 0
        self.late_s = 0.0
        self.last_at: float | None = None
        self.paused_at: float | None = None
        self._least = self._before = float("inf")  # how late frames were, in this stretch of time and in the last
        self._until = 0.0
        self._pause_first = 0
        self._least_since = _NOTHING  # the same since the last pause, while it is not known what that was
        self._usual = 0.0  # how late frames were before the pause
        self._resumed_at = 0.0

    def arrived(self, samples: int, missing: int, at: float) -> tuple[int, Shift | None]:
        """Where a frame belongs that has just come; `missing`: samples known to have been lost before it.

        The shift is of what was placed before: time turned out to have been lost that no count of the line's told of.
        """
        last_at, self.last_at, before = self.last_at, at, self.end
        if last_at is None:
            before = self.end = max(0, round(at * self._rate_hz) - samples)
        elif at - last_at > PAUSE_S:
            self.paused_at, self._pause_first = last_at, before + missing
            self._least_since, self._usual, self._resumed_at = float("inf"), self.late_s, at
        first = before + missing
        self.end = first + samples
        late, shift = at - self.end / self._rate_hz, None
        if self._least_since != _NOTHING and (shift := self._lost_unseen(late, at, before)) is not None:
            first, late = first + shift.by, late - shift.by / self._rate_hz
            self.end += shift.by
        if at >= self._until:
            self._before, self._least, self._until = self._least, late, at + _LATELY_S
            self.late_s = min(late, self._before)
        elif late < self._least:
            self._least = late
            self.late_s = min(late, self._before)
        return first, shift

    def _lost_unseen(self, late: float, at: float, end: int) -> Shift | None:
        """After a pause nothing has come in time again: it was no delay, and the sound of that time never comes."""
        self._least_since = min(self._least_since, late)
        lost = self._least_since - self._usual
        if lost < _LOST_S:
            self._least_since = _NOTHING  # it was late, and is here
            return None
        if at - self._resumed_at < _PROVED_S:
            return None
        self._least_since = _NOTHING
        return Shift(self._pause_first, end, round(lost * self._rate_hz))


class HeardPlace:
    """What the caller hears. `end`: the sample behind the last one sent."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._steady = _STEADY_S * rate_hz
        self.end = 0
        self._dry_at = float("-inf")
        self._delays: deque[float] = deque(maxlen=_ECHOES)
        self._delay = 0.0  # the least of them
        self._sure = 0  # up to here, sound was played when the line's clock said

    def sent(self, samples: int, starts_at: float, caller_late_s: float) -> int:
        """Where a frame belongs that the line begins to play at `starts_at` by its clock."""
        gapless = starts_at - self._dry_at < 0.001
        place = max(0, self._place(starts_at, caller_late_s))
        apart = place - self.end
        first = self.end if -self._steady <= apart <= (self._steady if gapless else 0) else place
        self._dry_at = starts_at + samples / self._rate_hz
        self.end = first + samples
        return first

    def cut(self, samples: int) -> int:
        """The line was told to drop the last `samples`. Returns where the side ends now."""
        self.end = max(0, self.end - samples)
        self._dry_at -= samples / self._rate_hz
        return self.end

    def echoed(
        self, delay_s: float, moved_s: float, way_s: float, at: float, caller_late_s: float, dry_at: float | None
    ) -> tuple[Shift | None, bool]:
        """The echo of a mark has come `delay_s` after its moment, and the line's clock was moved by `moved_s` for it.

        `way_s`: the shortest way there and back; `dry_at`: when a line that got nothing ran dry, where that is known.
        Gives what has to be moved, and whether more may have to be.
        """
        known, usual = bool(self._delays), self._delay
        self._delays.append(delay_s)
        self._delay = min(self._delays)
        if not known:
            by, end = round(delay_s * self._rate_hz), self.end
            self.end += by
            return Shift(0, end, by), False
        if not moved_s:
            in_doubt = delay_s > usual + _LATE_S
            if not in_doubt:
                self._sure = min(self.end, self._place(at - delay_s, caller_late_s))
            return None, in_doubt
        by = round((moved_s - (self._delay - way_s)) * self._rate_hz)
        stalled = abs(by) > self._steady
        dry = self._sure if dry_at is None else self._place(dry_at, caller_late_s)
        first = min(self.end, max(self._sure, dry))
        self._dry_at += moved_s
        self._delays, self._delay = deque([way_s], _ECHOES), way_s
        if not stalled or by < 0:
            return None, False
        end, self.end = self.end, self.end + by
        return Shift(first, end, by), False

    def _place(self, at: float, caller_late_s: float) -> int:
        return round((at + self._delay - caller_late_s) * self._rate_hz)
