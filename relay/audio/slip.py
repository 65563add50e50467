"""Notices 16-bit sound that is read one byte off, which is noise at full scale in place of words.

Every second byte of speech is as good as random. So sound that is one byte off is loud and white, and turns into smooth
sound when it is read from the next byte on. No real sound does that. To be loud and white would not be enough: clipped
speech and cymbals are, several times a minute.
"""

from typing import Final

import numpy as np

from relay.audio import pcm

_BLOCK_SECONDS: Final = 0.01
NOISE_PEAK: Final = 29_000
"""A hundredth of a second of such noise has at least this peak."""
_LOUD: Final = (32768 * 10 ** (-8 / 20)) ** 2  # power: -4.8 dBov is usual
_CLIPPED: Final = 31_000
_SELDOM: Final = 0.2  # of random samples one in twenty is as loud as that; of clipped A-law most are
_SMOOTHER: Final = 3.0  # mean step, read as it is: from the next byte on
_COARSE: Final = 0.4  # of low bytes are zero in sound of 8 bits, and in A-law that is loud; in others few


def one_byte_off(data: bytes, rate_hz: int) -> int | None:
    """The place in `data` (pcm) of the first sample that is, None if there is none.

    It takes 20 ms of it, and does not find less.
    """
    size = round(_BLOCK_SECONDS * rate_hz)
    count = len(data) // (pcm.SAMPLE_BYTES * size)
    used = count * size * pcm.SAMPLE_BYTES
    if count < 2 or pcm.peak(data[:used]) < NOISE_PEAK:
        return None
    told = pcm.samples(data[:used]).astype(np.float32).reshape(count, size)
    sure = np.vecdot(told, told) > _LOUD * size
    if np.count_nonzero(sure) < 2:
        return None
    sure &= np.mean(np.abs(told) > _CLIPPED, axis=1) < _SELDOM
    if np.count_nonzero(sure) < 2:
        return None
    sure &= np.mean(np.frombuffer(data[:used:2], np.uint8).reshape(count, size) == 0, axis=1) < _COARSE
    other = pcm.samples((data[1:] + data[-1:])[:used]).astype(np.float32).reshape(count, size)
    rough, smooth = (np.mean(np.abs(np.diff(sound, axis=1)), axis=1) for sound in (told, other))
    off = rough > _SMOOTHER * smooth
    sure &= off
    found = np.flatnonzero(sure[1:] & sure[:-1])
    if not len(found):
        return None
    right = np.flatnonzero(~off[: found[0]])  # soft sound is not white when it is off, but as much louder
    return (int(right[-1]) + 1 if len(right) else 0) * size
