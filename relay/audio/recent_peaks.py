"""How loud a line was in its last second: enough to know that there is nothing to search, at a hundredth of the cost.

Most callers listen. A check of a second of sound would then find the same noise again and again; here each sample is
looked at once.
"""

from array import array
from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.levels import BLOCK_SECONDS

_ABOVE_NOISE: Final = 2  # times the line's noise, whose peaks are all alike
_RISES: Final = 0.002  # share of it, in a hundredth of a second, by which the noise may have grown


class RecentPeaks:
    """The loudest sample of each hundredth of a second, for the last `seconds`.

    At first little is known; what is heard in the first hundredths is noise, however loud it is: an echo comes later.
    """

    def __init__(self, rate_hz: int, seconds: float) -> None:
        self._block = round(BLOCK_SECONDS * rate_hz)
        self._most = round(seconds / BLOCK_SECONDS)
        self._peaks = array("H")  # that were heard, up to _most; before them it was silent
        self._loudest = 0
        self._noise = 0  # of the line, when nobody speaks
        self._least_noise = 1 << 15  # … as it was in a pause, if nobody pauses now

    def hear(self, sound: bytes) -> int:
        """More of the track (pcm); returns how many hundredths. Of a part of one at its end nothing is noted: it is
        rare, and does not matter.
        """
        samples = pcm.samples(sound)
        whole = len(samples) // self._block
        if not whole:
            return 0
        loud = np.abs(samples[: whole * self._block]).view(np.uint16).reshape(whole, self._block)
        latest: list[int] = np.maximum.reduce(loud, axis=1).tolist()
        # a hundred numbers are read and sorted as a list before numpy's code is back in the processor's cache
        known: list[int] = self._peaks.tolist()
        known += latest
        del known[: -self._most]
        self._peaks = array("H", known)
        known.sort()
        self._noise, self._loudest = known[len(known) // 10], known[-1]
        self._least_noise = min(self._noise, int(self._least_noise * (1 + _RISES * whole)) + 1)
        return whole

    def audible(self, count: int, least: int) -> list[bool]:
        """Whether each of the last `count` is `least` or more, and clearly above the line's noise in its last pause."""
        least = max(least, _ABOVE_NOISE * self._least_noise)
        latest: list[int] = self._peaks[-count:].tolist()
        return [False] * (count - len(latest)) + [peak >= least for peak in latest]

    def share(self, least: int) -> float:
        """The share of that time, 0 to 1, with a peak of `least` or more and clearly above the line's noise."""
        least, loud = max(least, _ABOVE_NOISE * self._noise), 0
        if self._loudest < least:
            return 0.0
        known: list[int] = self._peaks.tolist()
        for peak in known:
            if peak >= least:
                loud += 1
        return loud / self._most

    def skip(self) -> None:
        """Some of the track is missing here: the line was as quiet as it is between words."""
        if self._peaks:
            self._peaks = array("H", [self._noise]) * self._most
        self._loudest = self._noise
