"""Which hundredths of a second of a caller's sound belong together, and which of the quiet ones are a hiss."""

from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.levels import BLOCK_SECONDS

_HISS_CROSSINGS: Final = 2800  # changes of sign a second: an s, an f, a sh
_HISS: Final = _HISS_CROSSINGS * BLOCK_SECONDS
_ZERO: Final = np.array(0, np.int16)  # a number of Python's would be converted each time
_QUIET: Final = 0
ACTIVE: Final = 1


def runs_of(kinds: bytes, hisses: bytes) -> tuple[list[int], list[int]]:
    """Blocks in a row that are loud, or active and a hiss: the first and the one after the last of each run, one run
    after the other, and how many blocks of each are loud.

    `kinds`: a byte for each block: 0 quiet, 1 active, 2 loud. `hisses`: see `hisses_of`; only needed if any is active.
    """
    places: list[int] = []
    louds: list[int] = []
    loud = -1  # blocks of the run; none while it is negative
    for place in range(len(kinds)):
        kind = kinds[place]
        if kind == _QUIET or (kind == ACTIVE and not hisses[place]):
            if loud >= 0:
                places.append(place)
                louds.append(loud)
                loud = -1
            continue
        if loud < 0:
            places.append(place)
            loud = 0
        if kind > ACTIVE:
            loud += 1
    if loud >= 0:
        places.append(len(kinds))
        louds.append(loud)
    return places, louds


def hisses_of(sound: pcm.Samples, block: int, firsts: list[int]) -> bytes:
    """For each block of `block` samples: 1 if the sign changes as often as in a hiss, else 0.

    `firsts`: where another voice begins, in samples. There is no change. A block has 255 samples at most, and a
    multiple of eight, as at every line's rate.
    """
    changes = np.zeros(len(sound), np.bool_)
    np.less(sound[1:] ^ sound[:-1], _ZERO, out=changes[1:])
    for first in firsts:
        changes[first] = False
    counts = np.bitwise_count(np.packbits(changes)).reshape(-1, block // 8)
    hisses: bytes = (np.add.reduce(counts, axis=1, dtype=np.uint8) >= _HISS).tobytes()
    return hisses
