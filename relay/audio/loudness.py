"""Loudness of speech without its pauses, after ITU-T P.56.

Kept as a histogram of 10 ms levels, so that a call of an hour takes no more memory than its first second.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.levels import BATCH_SECONDS, BLOCK_SECONDS
from relay.audio.together import Together

_MARGIN_DB: Final = 15.9  # P.56: anything further below the level of speech is a pause
_LOWEST_DB: Final = -80
_STEPS: Final = 160  # half decibels
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
        self._block_bytes = round(BLOCK_SECONDS * rate_hz) * pcm.SAMPLE_BYTES
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
        """From now on somebody else has what waits (`add_to`) `measured` soon, together with other sound."""
        self.look()
        self._along = along

    def pause(self) -> None:
        """Nothing may come for long: its last sound must not be kept until then."""
        if not self._along:
            self.look()

    def add_to(self, sounds: Together) -> bool:
        """What waits, up to its last whole block, to be `measured`: it waits no longer. False: nothing did."""
        if self._waiting < self._block_bytes:
            return False
        rest = sounds.add(self._sounds, self._waiting)
        self._sounds, self._waiting = [rest] if rest else [], len(rest)
        return True

    def look(self) -> None:
        """Process what waits, and keep only an incomplete block of it."""
        sounds = Together(self._rate_hz)
        if self.add_to(sounds):
            levels = sounds.levels()
            self.measured(steps_of(levels), sounds.clipped(0, float(np.maximum.reduce(levels))))

    def measured(self, steps: bytes, clipped: int) -> None:
        """The next part: the `steps_of` its blocks, and how many samples are at full scale."""
        self._clipped += clipped
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
