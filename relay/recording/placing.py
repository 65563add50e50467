"""Computes where sound belongs in a recording, in samples since the call began. Pure: every method gets the time.

A recording is counted in the line's own samples: the caller's sound has as many as the line recorded, and the agent's
as many as the line was sent. So neither side has to be stretched or cut if the line's clock differs from ours, and what
is written is exactly what went over the line. What remains is which sample of one side was heard at which sample of the
other; that depends on the clocks, and is measured all the time:

    caller   a frame arrives when its last sample was spoken, plus the time that the network took. The least late frame
             of the last seconds relates the line's count to our time
    heard    a frame is played when the line's clock says (relay/audio/line_clock.py), plus the recent delay of the
             marks' echoes: the round trip, and what the line has fallen behind

Times are seconds since the call began.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PAUSE_S: Final = (
    0.3  # a line sends 50 frames a second: after this long without one, the network has stalled or sound is lost
)
_LATELY_S: Final = 5.0  # and up to twice as long; of a clock 100 ppm off that is a millisecond
_PROVED_S: Final = 2.0  # after the end of a pause: late sound has arrived by then, all at once
_LOST_S: Final = 0.06
_STEADY_S: Final = 0.012  # tolerated offset of the two sides before continuous sound is moved
_LATE_S: Final = 0.1  # an echo this much later than usual: perhaps the network stalled
_ECHOES: Final = 10
_RUNS: Final = 64  # a line that echoes nothing never says where one was played
_NOTHING: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Shift:
    """Sound placed from sample `first` to `end` belongs `by` samples later."""

    first: int
    end: int
    by: int


class CallerPlace:
    """The caller's side. `end`: the sample after the last one; `paused_at`: the start of the line's last pause.

    `late_s`: how far the line's count is behind our clock. Sample n was spoken, and arrived here, at n / rate + this.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.end = 0
        self.late_s = 0.0
        self.last_at: float | None = None
        self.paused_at: float | None = None
        self._least = self._before = float("inf")  # how late frames were, in this period and in the last
        self._until = 0.0
        self._pause_first = 0
        self._least_since = _NOTHING  # the same since the last pause, while its cause is unknown
        self._usual = 0.0  # how late frames were before the pause
        self._resumed_at = 0.0

    def arrived(self, samples: int, missing: int, at: float) -> tuple[int, Shift | None]:
        """Where a frame belongs that has just arrived; `missing`: samples known to be lost before it.

        The shift is for earlier sound: time was lost that none of the line's counts showed.
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
        """After the pause nothing was early again: it was not a delay, and the sound of that time never comes."""
        self._least_since = min(self._least_since, late)
        lost = self._least_since - self._usual
        if lost < _LOST_S:
            self._least_since = _NOTHING  # it was late, and has arrived
            return None
        if at - self._resumed_at < _PROVED_S:
            return None
        self._least_since = _NOTHING
        return Shift(self._pause_first, end, round(lost * self._rate_hz))


class HeardPlace:
    """The caller's ear. `end`: the sample after the last one sent."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._steady = _STEADY_S * rate_hz
        self.end = 0
        self._dry_at = float("-inf")
        self._delays: deque[float] = deque(maxlen=_ECHOES)
        self._delay = 0.0  # the smallest of them
        self._sure = 0  # up to here, sound was played at the time of the line's clock
        self._runs: deque[tuple[int, int]] = deque(maxlen=_RUNS)  # what was sent since, each without a pause

    def sent(self, samples: int, starts_at: float, caller_late_s: float) -> int:
        """Where a frame belongs that the line begins to play at `starts_at` by its clock."""
        gapless = starts_at - self._dry_at < 0.001
        place = max(0, self._place(starts_at, caller_late_s))
        apart = place - self.end
        first = self.end if -self._steady <= apart <= (self._steady if gapless else 0) else place
        self._dry_at = starts_at + samples / self._rate_hz
        self._note(first, first + samples, goes_on=bool(self._runs) and first == self.end)
        self.end = first + samples
        return first

    def _note(self, first: int, end: int, *, goes_on: bool) -> None:
        if goes_on:
            first, _ = self._runs.pop()
        while self._runs and self._runs[0][1] <= self._sure:
            self._runs.popleft()
        self._runs.append((first, end))

    def cut(self, samples: int) -> int:
        """The line dropped the last `samples`. Returns where the side ends now."""
        self.end = max(0, self.end - samples)
        self._dry_at -= samples / self._rate_hz
        return self.end

    def echoed(
        self,
        delay_s: float,
        moved_s: float,
        way_s: float,
        at: float,
        caller_late_s: float,
        dry_at: float | None,
        *,
        stalled: bool = False,
    ) -> tuple[list[Shift], bool]:
        """The echo of a mark came `delay_s` after its time, and the line's clock was moved by `moved_s` for it.

        `way_s`: the shortest round trip; `dry_at`: when an empty line ran dry, if known; `stalled`: what was sent since
        is played without a pause. Returns what to move, in this order, and whether more may follow.
        """
        known, usual = bool(self._delays), self._delay
        self._delays.append(delay_s)
        self._delay = min(self._delays)
        if not known:
            by, end = round(delay_s * self._rate_hz), self.end
            self.end += by
            return [Shift(0, end, by)], False
        if not moved_s:
            in_doubt = delay_s > usual + _LATE_S
            if not in_doubt:
                self._sure = min(self.end, self._place(at - delay_s, caller_late_s))
            return [], in_doubt
        by = round((moved_s - (self._delay - way_s)) * self._rate_hz)
        steady = abs(by) <= self._steady
        dry = self._sure if dry_at is None else self._place(dry_at, caller_late_s)
        first = min(self.end, max(self._sure, dry))
        self._dry_at += moved_s
        self._delays, self._delay = deque([way_s], _ECHOES), way_s
        if by < 0 or (steady and not stalled):
            return [], False
        runs = [(max(first, run), end) for run, end in self._runs if end > first] if stalled else [(first, self.end)]
        self.end += by
        self._runs.clear()
        self._runs.append((self.end - sum(last - begun for begun, last in runs), self.end))
        return list(_without_pauses(runs, self.end)), False

    def _place(self, at: float, caller_late_s: float) -> int:
        return round((at + self._delay - caller_late_s) * self._rate_hz)


def _without_pauses(runs: list[tuple[int, int]], end: int) -> Iterator[Shift]:
    """Move the last run so that it ends at `end`, then each one before it to where the next then begins."""
    for first, last in reversed(runs):
        if end > last:
            yield Shift(first, last, end - last)
        end -= last - first
