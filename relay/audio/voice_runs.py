"""Which hundredths of a second of a caller's sound belong together, and which of the quiet ones are a hiss."""

from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.levels import BLOCK_SECONDS

_HISS_CROSSINGS: Final = 2800  # changes of sign a second: an s, an f, a sh
_HISS: Final = _HISS_CROSSINGS * BLOCK_SECONDS
_QUIET: Final = 0
_ACTIVE: Final = 1


def runs_of(kinds: bytes, sound: pcm.Samples, block: int) -> tuple[list[int], list[int]]:
    """Blocks in a row that are loud, or active and a hiss: the first and the one after the last of each run, one run
    after the other, and how many blocks of each are loud.

    `kinds`: a byte for each block of `block` samples: 0 quiet, 1 active, 2 loud.
    """
    places: list[int] = []
    louds: list[int] = []
    changes = -1  # only if they matter
    runs = False
    for place, kind in enumerate(kinds):
        if kind == _ACTIVE and changes < 0:
            changes = _changes_of_sign(sound)
        if kind == _QUIET or (kind == _ACTIVE and _of_block(changes, place, len(kinds), block) < _HISS):
            if runs:
                places.append(place)
                runs = False
            continue
        if not runs:
            places.append(place)
            louds.append(0)
            runs = True
        louds[-1] += kind > _ACTIVE
    if runs:
        places.append(len(kinds))
    return places, louds


def _changes_of_sign(sound: pcm.Samples) -> int:
    """A bit for each of the samples, which are a multiple of eight at every line's rate; the last one is the lowest."""
    signs = int.from_bytes(np.packbits(sound < 0).tobytes(), "big")
    return (signs ^ (signs >> 1)) & ((1 << len(sound) - 1) - 1)


def _of_block(changes: int, place: int, blocks: int, block: int) -> int:
    """How many of the changes are in the block at `place`."""
    return ((changes >> (blocks - 1 - place) * block) & ((1 << block) - 1)).bit_count()
