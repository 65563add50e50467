"""The level of sound, a hundredth of a second at a time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

BLOCK_SECONDS: Final = 0.01
SPEECH_DB: Final = -50.0  # of full scale; quieter is no speech on any line
LEAST_POWER: Final = 1e-9  # of full scale's: silence has a level, too


def block_levels(sound: pcm.Samples, rate_hz: int) -> NDArray[np.float32]:
    """Level of each whole BLOCK_SECONDS, in dB of full scale."""
    size = round(BLOCK_SECONDS * rate_hz)
    count = len(sound) // size
    found = _powers(sound, count, size)
    found /= size * 32768.0**2
    found += LEAST_POWER
    np.log10(found, out=found)
    found *= 10
    return found


def _powers(sound: pcm.Samples, count: int, size: int) -> NDArray[np.float32]:
    """The sum of squares of each of the first `count` blocks of `size` samples."""
    blocks = sound[: count * size].astype(np.float32).reshape(count, size)
    found: NDArray[np.float32] = np.vecdot(blocks, blocks)  # np.einsum is wrapped in Python
    return found


def samples_before_speech(sound: pcm.Samples, rate_hz: int) -> int:
    """How many samples precede the first block of SPEECH_DB or more, a block at the end as if silence followed it; all
    of them without speech.
    """
    size = round(BLOCK_SECONDS * rate_hz)
    count, least = len(sound) // size, _SPEECH * size
    for place, power in enumerate(_powers(sound, count, size).tolist()):
        if power >= least:
            return place * size
    rest = sound[count * size :].astype(np.float32)
    return count * size if len(rest) and float(np.vecdot(rest, rest)) >= least else len(sound)


_SPEECH: Final = (10 ** (SPEECH_DB / 10) - LEAST_POWER) * 32768.0**2
"""The mean square of a sample at SPEECH_DB: no logarithm is needed to find speech."""
