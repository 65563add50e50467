"""Loudness of speech without its pauses, after ITU-T P.56.

Kept as a histogram of 10 ms levels, so that a call of an hour takes no more memory than its first second.
"""

from math import log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.levels import BATCH_SECONDS, BLOCK_SECONDS, block_levels

_MARGIN_DB: Final = 15.9  # P.56: anything further below the level of speech is a pause
_LOWEST_DB: Final = -80
_STEPS: Final = 160  # half decibels
_FULL_SCALE: Final = 32767
_COUNTED_AT: Final = 400  # levels that are counted together: four seconds of them
_FEW: Final = 65_000  # levels that can be counted in two bytes each: eleven minutes of them


def steps_of(levels: NDArray[np.float32]) -> bytes:
    """Where each of these levels (dB of full scale) is counted, a byte each."""
    steps = np.rint((levels - _LOWEST_DB) * 2)
    np.minimum(np.maximum(steps, 0, out=steps), _STEPS, out=steps)  # np.clip takes as long as all the rest
    return steps.astype(np.uint8).tobytes()


class LevelMeter:
    """One voice of one call. It hears the sound, or is told what VoiceActivity found in it."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        block = round(BLOCK_SECONDS * rate_hz)
        self._block_bytes = block * pcm.SAMPLE_BYTES
        self._may_clip_db = -10 * log10(block) - 0.1  # a block with one sample at full scale is louder
        self._batch = round(BATCH_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
        self._sounds: list[bytes] = []  # not processed yet: a batch at a time is cheaper
        self._waiting = 0
        self._along = False  # what waits is measured beside a caller's voice
        self._steps = b""  # not counted yet
        self._counts: NDArray[np.uint16] | NDArray[np.uint32] = np.zeros(_STEPS + 1, dtype=np.uint16)
        self._counted = 0
        self._clipped = 0

    def hear(self, sound: bytes) -> None:
        """The next part, pcm at the meter's rate."""
        self._sounds.append(sound)
        self._waiting += len(sound)
        if self._waiting >= (2 * self._batch if self._along else self._batch):
            self.look()

    def go_along(self, *, along: bool) -> None:
        """From now on somebody else has what waits (`waiting`) `measured` soon, together with other sound."""
        self.look()
        self._along = along

    def pause(self) -> None:
        """Nothing may come for long: its last sound must not be kept until then."""
        if not self._along:
            self.look()

    def waiting(self) -> pcm.Samples | None:
        """What waits, up to its last whole block, which is to be `measured`. It waits no longer."""
        if self._waiting < self._block_bytes:
            return None
        joined = b"".join(self._sounds)
        whole = len(joined) // self._block_bytes * self._block_bytes
        self._sounds, self._waiting = [joined[whole:]] if whole < len(joined) else [], len(joined) - whole
        return pcm.samples(joined)[: whole // pcm.SAMPLE_BYTES]

    def look(self) -> None:
        """Process what waits, and keep only an incomplete block of it."""
        sound = self.waiting()
        if sound is not None:
            levels = block_levels(sound, self._rate_hz)
            self.measured(sound, float(np.maximum.reduce(levels)), steps_of(levels))

    def measured(self, sound: pcm.Samples, loudest_db: float, steps: bytes) -> None:
        """The next part, whole blocks of it, with the highest of its `block_levels` and with all their `steps_of`."""
        if loudest_db >= self._may_clip_db:
            most, least = np.maximum.reduce(sound), np.minimum.reduce(sound)
            if most >= _FULL_SCALE or least <= -_FULL_SCALE:
                self._clipped += int(np.count_nonzero(np.abs(sound).view(np.uint16) >= _FULL_SCALE))  # see pcm.peak
        self._steps += steps
        if len(self._steps) >= _COUNTED_AT:
            self._count()

    def _count(self) -> None:
        if self._steps:
            more, before = np.bincount(np.frombuffer(self._steps, np.uint8), minlength=_STEPS + 1), self._counted
            self._counted = before + len(self._steps)
            if before <= _FEW < self._counted:
                self._counts = self._counts.astype(np.uint32)
            self._counts += more.astype(self._counts.dtype)
            self._steps = b""

    @property
    def clipped(self) -> int:
        """Samples at full scale: the original was louder."""
        self.look()
        return self._clipped

    @property
    def seconds(self) -> float:
        """Length of the speech, without pauses."""
        level = self.level_db
        return 0.0 if level is None else float(self._counts[_step(level - _MARGIN_DB) :].sum()) * BLOCK_SECONDS

    @property
    def level_db(self) -> float | None:
        """Level of the speech in dB of full scale (dBov), None if there was none."""
        self.look()
        self._count()
        # Each round leaves out more of the pauses, so the rest is louder: it converges after a few.
        level = threshold = float(_LOWEST_DB)
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


def _step(level_db: float) -> int:
    """Where a level is counted; never the lowest step, which counts all silence."""
    return max(1, round((level_db - _LOWEST_DB) * 2))
