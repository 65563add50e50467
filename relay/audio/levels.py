"""The level of sound, a hundredth of a second at a time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

BLOCK_SECONDS: Final = 0.01
BATCH_SECONDS: Final = 0.5  # of sound that waits to be processed: a second costs 0.04 ms less, and holds 9 KB more
SPEECH_DB: Final = -50.0  # of full scale; quieter is no speech on any line
_LEAST_POWER: Final = 1e-9  # of full scale's


def block_levels(sound: pcm.Samples, rate_hz: int) -> NDArray[np.float32]:
    """Level of each whole BLOCK_SECONDS, in dB of full scale."""
    size = round(BLOCK_SECONDS * rate_hz)
    count = len(sound) // size
    found = np.empty(count, dtype=np.float32)
    powers(sound, count, size, found)
    return decibels(found, size)


def powers(sound: pcm.Samples, count: int, size: int, found: NDArray[np.float32]) -> None:
    """Fills `found` with the sum of squares of the first `count` blocks of `size` samples."""
    blocks = sound[: count * size].astype(np.float32).reshape(count, size)
    np.vecdot(blocks, blocks, out=found)  # np.einsum is wrapped in Python


def decibels(found: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """`powers` of blocks of `size` samples as levels, in place."""
    found /= size * 32768.0**2
    found += _LEAST_POWER
    np.log10(found, out=found)
    found *= 10
    return found


def samples_before_speech(sound: pcm.Samples, rate_hz: int) -> int:
    """How many samples precede the first block of SPEECH_DB or more, a block at the end as if silence followed it; all
    of them without speech.
    """
    size = round(BLOCK_SECONDS * rate_hz)
    count, least = len(sound) // size, _SPEECH * size
    found = np.empty(count, dtype=np.float32)
    powers(sound, count, size, found)
    for place, power in enumerate(found.tolist()):
        if power >= least:
            return place * size
    rest = sound[count * size :].astype(np.float32)
    return count * size if len(rest) and float(np.vecdot(rest, rest)) >= least else len(sound)


_SPEECH: Final = (10 ** (SPEECH_DB / 10) - _LEAST_POWER) * 32768.0**2
"""The mean square of a sample at SPEECH_DB: no logarithm is needed to find speech."""
