"""How far ahead of real time a line is sent its frames, and how late it plays them: learned from the line (design D2).

Pure: every method gets the time. A line's echoes of marks are measured: each shows how long after its time, by our
clock, the sound before the mark had been played *and* the echo had arrived. The smallest delay of a call is the round
trip; a larger one has one of two reasons. If it varies, the network or the loop is uneven, and the line needs that much
more in reserve. If it stays, the network stalled for a while, the line ran dry and then got everything at once; and as
ambience never ends, everything after that is played later than it could be.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from relay.line.loop_reserve import LoopReserve
from relay.line.ticker import TICK_S

START_S: Final = 0.1
CEILING_S: Final = 0.4
FLOOR_FRAMES: Final = 1.5

_FIRST: Final = 5  # echoes that find the smallest delay of a call
_APART_S: Final = 0.5  # marks sent closer together measure the same thing twice
_LATE_S: Final = 0.15  # two echoes later than this: the line is late, not one message
_CREEPING_S: Final = 0.04  # this late for a whole window: a slow clock, or a short stall
_STEADY_S: Final = 0.01  # … and this late, if it hardly varies: unevenness would
_EARLY_S: Final = 0.002  # an echo this much earlier than ever: the line's clock is faster than ours …
_NO_DRIFT_S: Final = 0.02  # … but by no clock this much between two echoes
_WINDOW_S: Final = 10.0
_WINDOW_MIN: Final = 6
_CHECKS: Final = 3  # echoes after a correction: if late again at once, it is not lateness, and corrections cause holes
_TRIED: Final = 8  # echoes before a line counts as good
_EASE: Final = 0.03  # seconds per second by which the initial reserve then shrinks
_EASE_SLOWLY: Final = 0.001  # … and on a line that has needed more than the least
_KEEPS_S: Final = 60.0  # bursts may be this far apart
_UNSEEN: Final = 1.5  # one mark per second samples few messages: the real worst is worse than the measured one
_LATER: Final = 1.25  # the next frame that is late may be later: on a busy machine a quarter of the holes
_KEPT: Final = 600  # delays for the percentiles


class _Echo:  # no dataclass: those are made by Python
    def __init__(self, at: float, delay_s: float, needed_s: float) -> None:
        self.at = at
        self.delay_s = delay_s
        self.needed_s = needed_s
        """The reserve for the line before this echo was taken into account."""


@dataclass(slots=True)
class _Need:
    """The recent maximum: rises at once, falls slowly."""

    seconds: float
    at: float = float("inf")
    rough: bool = False
    """It has needed more than the least."""

    def at_least(self, seconds: float) -> None:
        self.seconds = max(self.seconds, seconds)

    def ease(self, rate: float, now: float) -> None:
        if self.rough:
            rate = _EASE_SLOWLY
        self.seconds = max(0.0, self.seconds - rate * max(0.0, now - self.at))
        self.at = now


class Lead:
    """The lead of one line. `fixed_s`: a configured lead, which is not learned; lateness is measured all the same.

    `loop`: what the loop needs in reserve, shared by all lines of a relay.
    """

    def __init__(self, frame_s: float, *, fixed_s: float | None = None, loop: LoopReserve | None = None) -> None:
        self._frame_s = frame_s
        self._fixed_s = fixed_s
        self._floor_s = FLOOR_FRAMES * frame_s
        self._least_s = self._floor_s - frame_s
        self._start_s = max(START_S, self._floor_s) - frame_s
        self._line = _Need(self._start_s)
        self._loop = LoopReserve() if loop is None or fixed_s is not None else loop
        self._kept_until = float("-inf")
        self._base_s = float("inf")
        self._shortest_s = float("inf")  # way that was ever believed in
        self._corrected_s = 0.0  # by which the line's clock was moved as it seemed late
        self._echoes = 0
        self._recent: list[_Echo] = []
        self._unproved = 0
        self._suspect_s = 0.0
        self._delays = array("f")
        self.late_s = 0.0
        """The latest that the line was found to be."""
        self._reserve_s = 0.0  # without what the loop needs
        self._settle()

    def _settle(self) -> None:
        """Once for each thing learned: it is asked for with every frame."""
        seconds = self._fixed_s
        if seconds is None:
            seconds = min(CEILING_S, max(self._floor_s, self._frame_s + self._line.seconds))
        self._reserve_s = max(0.0, seconds - self._frame_s)

    @property
    def reserve_s(self) -> float:
        """What the line is to hold when the next frame is sent."""
        # not the sum: a fixed lead of 100 ms has no second reserve for the loop either
        loop_s, line_s = self._loop.seconds, self._reserve_s
        return loop_s if loop_s > line_s else line_s

    @property
    def seconds(self) -> float:
        """What the line is to hold right after a frame was sent."""
        return self._fixed_s if self._fixed_s is not None else self._frame_s + self.reserve_s

    @property
    def way_s(self) -> float:
        """The shortest round trip of this call, 0.0 before it is known."""
        return 0.0 if self._base_s == float("inf") else self._base_s

    def fired(self, late_s: float, now: float) -> None:
        """A frame was sent `late_s` late: the loop was busy."""
        if late_s > self._least_s and self._fixed_s is None:
            self._loop.late(min(_LATER * late_s, CEILING_S - self._frame_s), now)

    def uneven(self, late_s: float, now: float, *, own_s: float = 0.0) -> None:
        """A frame from the line came `late_s` after the quickest: ours will be as uneven, whatever the marks show.

        The initial reserve is kept for that. More is learned only from marks, because they take the same way. `own_s`:
        how long this process stood still, while the frame may have waited to be read.
        """
        if late_s - own_s > self._least_s + TICK_S:
            self._line.at_least(self._start_s)
            self._kept_until = now + _KEEPS_S
            self._settle()

    def echoed(self, delay_s: float, now: float, *, own_s: float = 0.0) -> float:
        """A mark's echo came `delay_s` after its time. Returns by how much the line is later than assumed.

        Negative: it is earlier. The line's clock is to be moved by that (LineClock.moved). `own_s` as in `uneven`.
        """
        self._note(delay_s)
        if self._recent and now - self._recent[-1].at < _APART_S:
            return 0.0
        self._echoes += 1
        surely_s = max(delay_s - own_s, min(delay_s, self._base_s))  # what of it is not ours
        self._recent.append(_Echo(now, surely_s, self._line.seconds))
        while self._recent[0].at < now - _WINDOW_S:
            self._recent.pop(0)
        moved = self._correction(delay_s, now)
        if moved:
            for echo in self._recent:
                echo.delay_s -= moved
        if moved > 0:
            self._unlearn()
        self._learn(surely_s - moved - self._base_s, now, corrected=moved > 0)
        return moved

    def stalled(self, delay_s: float, late_s: float) -> float:
        """As `echoed`, if the echo was missed for so long that ambience was withheld: that needs no reserve.

        `late_s`: by how much the line is later than assumed, known from what it was sent.
        """
        self._note(delay_s)
        return self._is_late(late_s)

    def percentiles_ms(self) -> dict[str, int] | None:
        """p50 and p95 of the delays: round trip plus unevenness. None for a line without echoes."""
        if not self._delays:
            return None
        return {f"p{percent}": round(_percentile(self._delays, percent) * 1000) for percent in (50, 95)}

    def _correction(self, delay_s: float, now: float) -> float:
        if self._echoes <= _FIRST:
            self._base_s = self._shortest_s = min(self._base_s, delay_s)
            return 0.0
        if delay_s < self._base_s - _EARLY_S:
            return -self._early(delay_s)
        late_s = self._late(now)
        self._unproved = max(0, self._unproved - 1)
        if not late_s:
            return 0.0
        if self._unproved:  # the previous correction changed nothing: the round trip has become longer
            self._base_s += late_s
            return 0.0
        return self._is_late(late_s)

    def _early(self, delay_s: float) -> float:
        """An echo is earlier than ever. Returns by how much the line is earlier than assumed.

        If it is much earlier, the line is as late as assumed, and the way is shorter than it seemed: this process was
        busy when the call began. Unless the line was believed to be late, and the way can't be as short as that.
        """
        early_s = self._base_s - delay_s
        if early_s <= _NO_DRIFT_S:
            return early_s
        undone_s = min(max(0.0, self._shortest_s - delay_s), self._corrected_s)
        self._corrected_s -= undone_s
        self._base_s = delay_s + undone_s
        self._shortest_s = min(self._shortest_s, self._base_s)
        return undone_s

    def _note(self, delay_s: float) -> None:
        self._delays.append(delay_s)
        del self._delays[:-_KEPT]

    def _is_late(self, late_s: float) -> float:
        self._unproved = _CHECKS
        self._corrected_s += late_s
        self.late_s = max(self.late_s, late_s)
        return late_s

    def _late(self, now: float) -> float:
        """How much later than possible the line plays permanently; 0.0 if it could be unevenness."""
        last_two = min(echo.delay_s for echo in self._recent[-2:]) - self._base_s
        if last_two > _LATE_S:
            return last_two
        if now - self._recent[0].at <= 0.8 * _WINDOW_S or len(self._recent) < _WINDOW_MIN:
            return 0.0
        delays = [echo.delay_s for echo in self._recent]
        least = min(delays) - self._base_s
        steady = least > _STEADY_S and max(delays) - min(delays) <= least / 2
        return least if steady or least > _CREEPING_S else 0.0

    def _unlearn(self) -> None:
        """What the latest echoes seemed to need in reserve was lateness, which has just been corrected."""
        left_s = max(self._needed(echo.delay_s - self._base_s) for echo in self._recent)
        self._line.seconds = min(self._line.seconds, max(self._recent[0].needed_s, left_s))

    def _needed(self, uneven_s: float) -> float:
        return uneven_s if uneven_s <= self._least_s else uneven_s * _UNSEEN

    def _learn(self, uneven_s: float, now: float, *, corrected: bool) -> None:
        """Update the reserve from an echo; not yet, if it may turn out to be lateness."""
        suspect_s, self._suspect_s = 0.0 if corrected else self._suspect_s, 0.0
        if uneven_s > _LATE_S:
            self._suspect_s, uneven_s = uneven_s, 0.0
        uneven_s = max(uneven_s, suspect_s)
        self._line.rough |= uneven_s > self._least_s
        rate = _EASE if self._echoes > _TRIED else 0.0
        self._line.ease(rate, now)
        if now < self._kept_until:
            self._line.at_least(self._start_s)
        self._line.at_least(self._needed(uneven_s))
        self._settle()


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
