"""Keeps amplified speech below full scale without distortion: the gain falls before a peak and recovers slowly."""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LOOK_AHEAD_SECONDS: Final = 0.0025
CEILING: Final = 32767 * 10 ** (-0.5 / 20)
_RELEASE_DB: Final = 60.0  # a second: too slow to follow the pitch, too quick to be noticed

Wave = NDArray[np.float64]


class Limiter:
    """One voice: amplified samples in, on the 16-bit scale and above; the same below CEILING out, 2.5 ms later."""

    def __init__(self, rate_hz: int) -> None:
        self.ahead = round(LOOK_AHEAD_SECONDS * rate_hz)
        """Samples."""
        self._release = _RELEASE_DB / rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far."""
        self._held: Wave = np.empty(0)
        self._needed: Wave = np.zeros(2 * self.ahead)  # gains in dB that the previous samples allow

    def process(self, wave: Wave, *, last: bool = False) -> Wave:
        """`wave` limited, except for the look-ahead, which is kept; `last` returns everything, and resets."""
        waited = len(self._held)
        sound = np.concatenate([self._held, wave])
        allowed = self._allowed(np.concatenate([wave, np.zeros(self.ahead)]) if last else wave)
        needed = np.concatenate([self._needed, allowed])
        self._needed = needed[len(needed) - 2 * self.ahead :].copy()
        ready = len(sound) if last else max(0, len(sound) - self.ahead)
        self._held = sound[ready:].copy()
        sound = sound[:ready]
        if needed.any() and ready:
            # The lowest gain of the look-ahead, averaged over its length: at a peak all values are low enough.
            lowest = sliding_window_view(needed, self.ahead + 1).min(axis=1)
            gains = sliding_window_view(lowest, self.ahead + 1).mean(axis=1)
            sound = sound * 10 ** (gains[self.ahead - waited :][:ready] / 20)
        if last:
            self.reset()
        return sound

    def _allowed(self, wave: Wave) -> Wave:
        """The gain in dB that each sample allows; after one that was too loud it recovers at the release rate."""
        before = self._needed[-1]
        peaks = np.abs(wave)
        if before == 0.0 and (not len(peaks) or peaks.max() <= CEILING):
            return np.zeros(len(wave))
        needed = -20 * np.log10(np.maximum(peaks / CEILING, 1.0))
        climb = self._release * np.arange(1, len(wave) + 1)
        lowest = np.minimum.accumulate(np.minimum(needed - climb, before))
        allowed: Wave = np.minimum(lowest + climb, 0.0)
        return allowed
