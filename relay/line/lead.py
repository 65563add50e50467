"""How far ahead of real time a line is sent its frames, and how late it plays them: learned from the line (design D2).

Pure: every method is told the time. What a line tells are the echoes of marks: each says how long after its moment, by
our clock, the sound before the mark had been played *and* we had heard of it. The smallest delay of a call is the way
there and back; what is more has one of two reasons. It varies: the network or the loop is uneven, and the line needs
that much more in reserve. Or it stays: the network stood still for a while, the line ran dry and then got everything
at once, and as ambience never ends it plays all that follows later than it could.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

START_S: Final = 0.1
CEILING_S: Final = 0.4
FLOOR_FRAMES: Final = 1.5

_FIRST: Final = 5  # echoes that find the smallest delay of a call
_APART_S: Final = 0.5  # marks that were sent closer together tell the same thing twice
_LATE_S: Final = 0.15  # two echoes later than this: the line is late, not one message
_CREEPING_S: Final = 0.04  # so late for a whole window: a clock that runs slowly, or a short stall
_EARLY_S: Final = 0.002  # an echo so much sooner than ever: the line's clock is quicker than ours
_WINDOW_S: Final = 10.0
_WINDOW_MIN: Final = 6
_CHECKS: Final = 3  # echoes after a correction: late again at once, it is not lateness, and corrections make holes
_TRIED: Final = 8  # echoes before a line may be called good
_EASE: Final = 0.03  # seconds a second by which the reserve of the start is given up then
_EASE_SLOWLY: Final = 0.001  # … and on a line that has needed more than the least
_KEEPS_S: Final = 60.0  # bursts may be so far apart
_UNSEEN: Final = 1.5  # a mark a second sees a few of the messages: the worst is worse than the worst that was seen
_TICK_S: Final = 0.002  # timers count whole milliseconds: so late is in time
_KEPT: Final = 600  # delays for the percentiles


@dataclass(slots=True)
class _Need:
    """The most that was needed lately: up at once, down slowly."""

    seconds: float
    at: float = float("inf")

    def at_least(self, seconds: float) -> None:
        self.seconds = max(self.seconds, seconds)

    def ease(self, rate: float, now: float) -> None:
        self.seconds = max(0.0, self.seconds - rate * max(0.0, now - self.at))
        self.at = now


class Lead:
    """Of one line. `fixed_s`: a lead that was set, and is not learned; lateness is noticed all the same."""

    def __init__(self, frame_s: float, *, fixed_s: float | None = None) -> None:
        self._frame_s = frame_s
        self._fixed_s = fixed_s
        self._floor_s = FLOOR_FRAMES * frame_s
        self._least_s = self._floor_s - frame_s
        self._start_s = max(START_S, self._floor_s) - frame_s
        self._line = _Need(self._start_s)
        self._loop = _Need(0.0)
        self._rough = False
        self._kept_until = float("-inf")
        self._base_s = float("inf")
        self._echoes = 0
        self._recent: deque[tuple[float, float]] = deque()
        self._unproved = 0
        self._suspect_s = 0.0
        self._delays = array("f")
        self.late_s = 0.0
        """The latest that the line was found to be."""
        self.seconds = self.reserve_s = 0.0
        """What the line is to hold right after a frame was sent, and what it still holds when the next one is."""
        self._settle()

    def _settle(self) -> None:
        """Once for each thing learned: it is asked for with every frame."""
        self.seconds = self._fixed_s if self._fixed_s is not None else self._learned_s
        self.reserve_s = max(0.0, self.seconds - self._frame_s)

    @property
    def _learned_s(self) -> float:
        return min(CEILING_S, max(self._floor_s, self._frame_s + self._line.seconds) + self._loop.seconds)

    @property
    def way_s(self) -> float:
        """The shortest way there and back of this call, 0.0 before it is known."""
        return 0.0 if self._base_s == float("inf") else self._base_s

    def fired(self, late_s: float, now: float) -> None:
        """A frame was sent `late_s` after its moment: the loop was busy."""
        if late_s > _TICK_S:
            self._loop.at_least(late_s)
            self._rough |= late_s > self._least_s
            self._settle()

    def uneven(self, late_s: float, now: float) -> None:
        """A frame of the line's own came `late_s` after the quickest: so will ours, whatever the marks have met.

        What the call began with is kept for that. More is learned from marks only: they go the way that counts.
        """
        if late_s > self._least_s + _TICK_S:
            self._line.at_least(self._start_s)
            self._kept_until = now + _KEEPS_S
            self._settle()

    def echoed(self, delay_s: float, now: float) -> float:
        """A mark came back `delay_s` after its moment. Returns by how much the line is later than was thought.

        Negative: it is earlier. The clock that knows its moments is to be moved by that (LineClock.moved).
        """
        self._delays.append(delay_s)
        del self._delays[:-_KEPT]
        if self._recent and now - self._recent[-1][0] < _APART_S:
            return 0.0
        self._echoes += 1
        self._recent.append((now, delay_s))
        while self._recent[0][0] < now - _WINDOW_S:
            self._recent.popleft()
        moved = self._correction(delay_s, now)
        if moved:
            self._recent = deque((at, delay - moved) for at, delay in self._recent)
        self._learn(delay_s - moved - self._base_s, now, corrected=moved > 0)
        return moved

    def percentiles_ms(self) -> dict[str, int] | None:
        """p50 and p95 of the delays: there and back, and what was uneven. None of a line that echoes nothing."""
        if not self._delays:
            return None
        return {f"p{percent}": round(_percentile(self._delays, percent) * 1000) for percent in (50, 95)}

    def _correction(self, delay_s: float, now: float) -> float:
        if self._echoes <= _FIRST:
            self._base_s = min(self._base_s, delay_s)
            return 0.0
        if delay_s < self._base_s - _EARLY_S:
            return delay_s - self._base_s
        late_s = self._late(now)
        self._unproved = max(0, self._unproved - 1)
        if not late_s:
            return 0.0
        if self._unproved:  # the correction before this one has changed nothing: the way has become longer
            self._base_s += late_s
            return 0.0
        self._unproved = _CHECKS
        self.late_s = max(self.late_s, late_s)
        return late_s

    def _late(self, now: float) -> float:
        """How much later than it could be the line plays for good; 0.0 when that can't be told from unevenness."""
        last_two = min(delay for _, delay in [*self._recent][-2:]) - self._base_s
        if last_two > _LATE_S:
            return last_two
        whole_window = now - self._recent[0][0] > 0.8 * _WINDOW_S and len(self._recent) >= _WINDOW_MIN
        least = min(delay for _, delay in self._recent) - self._base_s
        return least if whole_window and least > _CREEPING_S else 0.0

    def _learn(self, uneven_s: float, now: float, *, corrected: bool) -> None:
        """What an echo says about the reserve: nothing yet, when it may turn out to be lateness."""
        suspect_s, self._suspect_s = 0.0 if corrected else self._suspect_s, 0.0
        if uneven_s > _LATE_S:
            self._suspect_s, uneven_s = uneven_s, 0.0
        uneven_s = max(uneven_s, suspect_s)
        self._rough |= uneven_s > self._least_s
        rate = _EASE_SLOWLY if self._rough else _EASE if self._echoes > _TRIED else 0.0
        self._line.ease(rate, now)
        self._loop.ease(rate, now)
        if now < self._kept_until:
            self._line.at_least(self._start_s)
        self._line.at_least(uneven_s if uneven_s <= self._least_s else uneven_s * _UNSEEN)
        self._settle()


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
