"""Knows that a line returns nothing: in this turn it was quiet whenever an echo of the agent's words would have come.

That needs only the peaks of each hundredth of a second. So a line need not be searched for an echo when its caller
answers the agent, or cuts in.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

_LOUD_SHARE: Final = 0.5  # of the loudest peak: where an echo that can be heard at all is heard
_ENOUGH: Final = 12  # such hundredths of a second, for each delay
_QUIET_SHARE: Final = 0.8  # of them were quiet; the others may be a caller's word


class RuledOut:
    """One call. `shortest`, `longest`: delay of an echo, in hundredths of a second."""

    def __init__(self, shortest: int, longest: int) -> None:
        self._possible = slice(0, longest + 1 - shortest)  # of the delays, the longest first
        self._loud: NDArray[np.float32] | None = None  # for each of them
        self._quiet: NDArray[np.float32] | None = None
        self._loudest = 0
        self.all_delays = False
        """There is no echo, whatever its delay."""

    def forget(self) -> None:
        """An echo may begin now."""
        self._loud = self._quiet = None
        self.all_delays = False

    def hear(self, played: pcm.Samples, heard: NDArray[np.bool_]) -> None:
        """Peaks of what was `played`, and whether something was `heard`, up to the same moment, a hundredth of a second
        each. `played` begins as much earlier as the longest echo is late.
        """
        if self.all_delays:
            return
        count, self._loudest = len(heard), max(int(played.max()), self._loudest)
        loud = (played >= _LOUD_SHARE * self._loudest).astype(np.float32)
        sums = np.zeros(len(loud) + 1, dtype=np.float32)
        np.cumsum(loud, out=sums[1:])
        louds = quiets = (sums[count:] - sums[:-count])[self._possible]
        if heard.any():
            near = heard.copy()  # an echo's delay is seldom a whole number of them
            near[1:] |= heard[:-1]
            near[:-1] |= heard[1:]
            # while a caller speaks all the time, none of them was quiet
            quiets = np.correlate(loud, (~near).astype(np.float32))[self._possible] if not near.all() else 0 * louds
        if self._loud is not None and self._quiet is not None:
            louds, quiets = louds + self._loud, quiets + self._quiet
        self._loud, self._quiet = louds, quiets
        self.all_delays = bool(louds.min() >= _ENOUGH) and bool((quiets >= _QUIET_SHARE * louds).all())
        if self.all_delays:
            self._loud = self._quiet = None
