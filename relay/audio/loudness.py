"""Loudness of speech without its pauses, after ITU-T P.56.

Kept as a histogram of 10 ms levels, so that a call of an hour takes no more memory than its first second.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio.blocks import LEVEL, LEVEL_BYTES, RECORD_BYTES, Blocks, summary
from relay.audio.levels import BLOCK_SECONDS

_MARGIN_DB: Final = 15.9  # P.56: anything further below the level of speech is a pause
_LOWEST_DB: Final = -80.0
_STEPS: Final = 160  # half decibels
_COUNTED_AT: Final = 200  # levels that are counted together: two seconds of them
_FEW: Final = 65_000  # levels that can be counted in two bytes each: eleven minutes of them


class LevelMeter:
    """One voice of one call. It hears the sound, or is told what VoiceActivity found in it."""

    def __init__(self, rate_hz: int) -> None:
        self._blocks = Blocks(rate_hz)
        self._limits = _limits(rate_hz)
        self._levels = b""  # not counted yet
        self._counts: NDArray[np.uint16] | NDArray[np.uint32] = np.zeros(_STEPS + 1, dtype=np.uint16)
        self._counted = 0
        self.clipped = 0
        """Samples at full scale: the original was louder."""

    def hear(self, sound: bytes) -> None:
        """The next part, pcm at the meter's rate."""
        if records := self._blocks.hear(sound):
            levels, _, _, clipped = summary(records, b"", len(records) // RECORD_BYTES, 2)
            self.measured(levels, clipped)

    def measured(self, levels: bytes, clipped: int) -> None:
        """The next part: levels as in records of relay.audio.blocks, and how many samples are at full scale."""
        self.clipped += clipped
        self._levels += levels
        if len(self._levels) >= _COUNTED_AT * LEVEL_BYTES:
            self._count()

    def _count(self) -> None:
        if self._levels:
            steps = np.searchsorted(self._limits, np.frombuffer(self._levels, LEVEL), side="right")
            more, before = np.bincount(steps, minlength=_STEPS + 1), self._counted
            self._counted = before + len(steps)
            if before <= _FEW < self._counted:
                self._counts = self._counts.astype(np.uint32)
            self._counts += more.astype(self._counts.dtype)
            self._levels = b""

    @property
    def seconds(self) -> float:
        """Length of the speech, without pauses."""
        level = self.level_db
        return 0.0 if level is None else float(self._counts[_step(level - _MARGIN_DB) :].sum()) * BLOCK_SECONDS

    @property
    def level_db(self) -> float | None:
        """Level of the speech in dB of full scale (dBov), None if there was none."""
        self._count()
        # Each round leaves out more of the pauses, so the rest is louder: it converges after a few.
        level = threshold = _LOWEST_DB
        while True:
            counts = self._counts[_step(threshold) :]
            if not counts.any():
                return None
            levels = _LEVELS[-len(counts) :]
            level = float(10 * np.log10((counts * levels).sum() / counts.sum()))
            if level - _MARGIN_DB <= threshold:
                return round(level, 1)
            threshold = level - _MARGIN_DB


_LEVELS: Final = 10 ** ((_LOWEST_DB + np.arange(_STEPS + 1) / 2) / 10)


@cache
def _limits(rate_hz: int) -> NDArray[np.uint16]:
    """The lowest level that is counted at each step but the first, which counts all that is below as well."""
    level = Blocks(rate_hz).level
    return np.array([level(_LOWEST_DB + (step - 0.5) / 2) for step in range(1, _STEPS + 1)], np.uint16)


def _step(level_db: float) -> int:
    """Where a level is counted; never the lowest step, which counts all silence."""
    return max(1, round((level_db - _LOWEST_DB) * 2))
