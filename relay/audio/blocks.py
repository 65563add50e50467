"""What there is to know of each hundredth of a second of a voice. It is found as the sound arrives, so no sound has to
be kept until it is measured.
"""

from collections.abc import Callable
from math import log10
from struct import Struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.levels import BLOCK_SECONDS, LEAST_POWER

RECORD_BYTES: Final = 4
"""Of each block: its level, two bytes, how often its sign changes, and how many samples are at full scale.

The level is the upper half of its sum of squares as float32: exact to 0.04 dB, and it rises with the sound. The others
are 255 at most.
"""
LEVEL: Final = np.dtype("<u2")
LEVEL_BYTES: Final = 2
_FULL_SCALE: Final = 32767
_MOST: Final = 255
_POWER: Final = Struct("<f")
_BITS: Final = Struct("<I")


def _measured(sound: bytes, size: int, negative: bool) -> bytes:
    """The records of whole blocks of `size` samples. `negative`: whether the sample before them is."""
    samples = pcm.samples(sound)
    squares = samples.astype(np.int64)
    squares *= squares
    signs = samples < 0
    changes = np.empty(len(signs), np.bool_)
    changes[:1] = signs[:1] != negative
    np.not_equal(signs[1:], signs[:-1], out=changes[1:])
    full = np.abs(samples).view(np.uint16) >= _FULL_SCALE  # the absolute value of -32768 is only right as unsigned
    records = np.empty((len(samples) // size, RECORD_BYTES), np.uint8)
    powers = np.add.reduce(squares.reshape(-1, size), axis=1).astype("<f4")
    records[:, :2] = powers.view(np.uint8).reshape(-1, 4)[:, 2:]
    for place, found in enumerate((changes, full), 2):
        records[:, place] = np.minimum(np.add.reduce(found.reshape(-1, size), axis=1, dtype=np.int64), _MOST)
    return records.tobytes()


def _summary(records: bytes, levels: bytes, most: int, share: int) -> tuple[bytes, int, int, int]:
    """Of some `records`, after whose levels come theirs: the last `most` of both, the one of these that one in `share`
    does not reach, the highest of the new ones, and how many samples of `records` are at full scale.
    """
    new = levels_in(records)
    levels = (levels + new.tobytes())[-LEVEL_BYTES * most :]
    ranked = np.frombuffer(bytearray(levels), LEVEL)
    place = len(ranked) // share
    ranked.partition(place)
    return levels, int(ranked[place]), int(np.maximum.reduce(new)), sum(records[3::RECORD_BYTES])


_records: Final[Callable[[bytes, int, bool], bytes]] = _measured if pcm.WAVES is None else pcm.WAVES.measured
summary: Final[Callable[[bytes, bytes, int, int], tuple[bytes, int, int, int]]] = (
    _summary if pcm.WAVES is None else pcm.WAVES.summary
)
"""See `_summary`."""


def levels_in(records: bytes) -> NDArray[np.uint16]:
    """The level of each block."""
    return np.frombuffer(records, LEVEL)[:: RECORD_BYTES // LEVEL_BYTES]


class Blocks:
    """Of one voice, at any rate."""

    def __init__(self, rate_hz: int) -> None:
        self._size = round(BLOCK_SECONDS * rate_hz)
        self._scale = self._size * 32768.0**2
        self._negative = False
        self.rest = b""
        """What has come of the next block."""

    def hear(self, sound: bytes) -> bytes:
        """The next part, pcm. Returns a record of RECORD_BYTES for each block that is complete now."""
        if self.rest:
            sound = self.rest + sound
        over = len(sound) % (pcm.SAMPLE_BYTES * self._size)
        self.rest = sound[len(sound) - over :] if over else b""
        if over:
            sound = sound[: len(sound) - over]
        if not sound:
            return b""
        records = _records(sound, self._size, self._negative)
        self._negative = sound[-1] >= 0x80
        return records

    def decibels(self, level: int) -> float:
        """A level of a record in dB of full scale."""
        power: float = _POWER.unpack(_BITS.pack(level << 16))[0]
        return 10 * log10(power / self._scale + LEAST_POWER)

    def level(self, decibels: float) -> int:
        """What that many dB of full scale are in a record."""
        power = max(0.0, 10 ** (decibels / 10) - LEAST_POWER) * self._scale
        bits: int = _BITS.unpack(_POWER.pack(power))[0]
        return bits >> 16
