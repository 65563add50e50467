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
    return levels_of([sound], rate_hz)


def levels_of(sounds: list[pcm.Samples], rate_hz: int) -> NDArray[np.float32]:
    """`block_levels` of each of `sounds`, one after the other."""
    size = round(BLOCK_SECONDS * rate_hz)
    counts = [len(sound) // size for sound in sounds]
    levels = np.empty(sum(counts), dtype=np.float32)
    first = 0
    for sound, count in zip(sounds, counts, strict=True):
        _powers(sound, count, size, levels[first : first + count])
        first += count
    levels /= size * 32768.0**2
    levels += _LEAST_POWER
    np.log10(levels, out=levels)
    levels *= 10
    return levels


def _powers(sound: pcm.Samples, count: int, size: int, powers: NDArray[np.float32]) -> None:
    """Fills `powers` with the sum of squares of the first `count` blocks of `size` samples."""
    blocks = sound[: count * size].astype(np.float32).reshape(count, size)
    np.vecdot(blocks, blocks, out=powers)  # np.einsum is wrapped in Python


def samples_before_speech(sound: pcm.Samples, rate_hz: int) -> int:
    """How many samples precede the first block of SPEECH_DB or more, a block at the end as if silence followed it; all
    of them without speech.
    """
    size = round(BLOCK_SECONDS * rate_hz)
    count, least = len(sound) // size, _SPEECH * size
    powers = np.empty(count, dtype=np.float32)
    _powers(sound, count, size, powers)
    for place, power in enumerate(powers.tolist()):
        if power >= least:
            return place * size
    rest = sound[count * size :].astype(np.float32)
    return count * size if len(rest) and float(np.vecdot(rest, rest)) >= least else len(sound)


_SPEECH: Final = (10 ** (SPEECH_DB / 10) - _LEAST_POWER) * 32768.0**2
"""The mean square of a sample at SPEECH_DB: no logarithm is needed to find speech."""
