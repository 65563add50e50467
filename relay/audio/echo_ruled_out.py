"""Knows that a line returns nothing: in this turn it was quiet whenever an echo of the agent's words would have come.

That needs only the peaks of each hundredth of a second. So a line need not be searched for an echo when its caller
answers the agent, or cuts in.
"""

from array import array
from typing import Final

_LOUD_SHARE: Final = 0.5  # of the loudest peak: where an echo that can be heard at all is heard
_ENOUGH: Final = 12  # such hundredths of a second, for each delay
_QUIET_SHARE: Final = 0.8  # of them were quiet; the others may be a caller's word
_MOST: Final = 60_000  # of them are counted in a turn: ten minutes


class RuledOut:
    """One call. `shortest`, `longest`: delay of an echo, in hundredths of a second."""

    def __init__(self, shortest: int, longest: int) -> None:
        self._possible = longest + 1 - shortest  # of the delays, the longest first
        self._counted: array[int] | None = None  # for each of them: how many were loud, then how many of these quiet
        self._loudest = 0
        self.all_delays = False
        """There is no echo, whatever its delay."""

    def forget(self) -> None:
        """An echo may begin now."""
        self._counted = None
        self.all_delays = False

    def pause(self) -> None:
        """The agent's turn is over; what is known of all delays holds until the next one."""
        self._counted = None

    def hear(self, played: list[int], heard: list[bool]) -> None:
        """Peaks of what was `played`, and whether something was `heard`, up to the same moment, a hundredth of a second
        each. `played` begins as much earlier as the longest echo is late.

        Numbers one by one: a dozen calls of numpy, whose code has left the processor's cache, take ten times as long.
        """
        if self.all_delays:
            return
        self._loudest = max(max(played), self._loudest)
        least, loud, sums = _LOUD_SHARE * self._loudest, 0, [0]
        for peak in played:
            if peak >= least:
                loud += 1
            sums.append(loud)
        count, possible = len(heard), self._possible
        counted: list[int] = [0] * (2 * possible) if self._counted is None else self._counted.tolist()
        for at in range(possible):
            counted[at] += sums[at + count] - sums[at]
        runs = _quiet_runs(heard)  # while a caller speaks all the time there are none
        for number in range(0, len(runs), 2):
            begin, end = runs[number], runs[number + 1]
            for at in range(possible):
                counted[possible + at] += sums[at + end] - sums[at + begin]
        self.all_delays = all(
            counted[at] >= _ENOUGH and counted[possible + at] >= _QUIET_SHARE * counted[at] for at in range(possible)
        )
        self._counted = None if self.all_delays or max(counted) > _MOST else array("H", counted)


def _quiet_runs(heard: list[bool]) -> list[int]:
    """Where in `heard` nothing is heard, nor just before or after: an echo's delay is seldom a whole number of
    hundredths. Begin and end of each run.
    """
    runs: list[int] = []
    count, begin = len(heard), 0
    for at in range(count + 1):
        if at == count:
            if begin < count:
                runs += [begin, count]
        elif heard[at]:
            if begin < at - 1:
                runs += [begin, at - 1]
            begin = at + 2
    return runs
