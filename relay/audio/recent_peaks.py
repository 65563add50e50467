"""How loud a line was in its last second: enough to know that there is nothing to search, at a hundredth of the cost.

Most callers listen. A check of a second of sound would then find the same noise again and again; here each sample is
looked at once.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

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
        self._peaks = np.zeros(round(seconds / BLOCK_SECONDS), dtype=np.uint16)
        self._known = 0  # how many of them were heard
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
        latest: NDArray[np.uint16] = np.maximum.reduce(loud, axis=1)[-len(self._peaks) :]
        self._peaks[: -len(latest)] = self._peaks[len(latest) :]
        self._peaks[-len(latest) :] = latest
        self._known = min(len(self._peaks), self._known + whole)
        in_order = self._peaks[-self._known :].copy()
        in_order.sort()  # quicker than two searches in so few
        self._noise, self._loudest = int(in_order[len(in_order) // 10]), int(in_order[-1])
        self._least_noise = min(self._noise, int(self._least_noise * (1 + _RISES * whole)) + 1)
        return whole

    def audible(self, count: int, least: int) -> NDArray[np.bool_]:
        """Whether each of the last `count` is `least` or more, and clearly above the line's noise in its last pause."""
        heard: NDArray[np.bool_] = self._peaks[-count:] >= max(least, _ABOVE_NOISE * self._least_noise)
        return heard

    def share(self, least: int) -> float:
        """The share of that time, 0 to 1, with a peak of `least` or more and clearly above the line's noise."""
        least = max(least, _ABOVE_NOISE * self._noise)
        return int(np.count_nonzero(self._peaks >= least)) / len(self._peaks) if self._loudest >= least else 0.0

    def skip(self) -> None:
        """Some of the track is missing here: the line was as quiet as it is between words."""
        self._peaks.fill(self._noise)
        self._loudest = self._noise
        self._known = min(self._known, 1) * len(self._peaks)
