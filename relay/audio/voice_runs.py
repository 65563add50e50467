"""Which hundredths of a second of a caller's sound belong together: those of a voice, and of the hiss at its end."""

from typing import Final

from relay.audio.blocks import RECORD_BYTES
from relay.audio.levels import BLOCK_SECONDS

_HISS_CROSSINGS: Final = 2800  # changes of sign a second: an s, an f, a sh
_HISS: Final = round(_HISS_CROSSINGS * BLOCK_SECONDS)


def runs_of(records: bytes, active: int, loud: int) -> tuple[list[int], list[int]]:
    """Blocks in a row that are loud, or active and a hiss: the first and the one after the last of each run, one run
    after the other, and how many blocks of each are loud.

    `records`: of relay.audio.blocks. `active`, `loud`: the lowest levels at which a block is that.
    """
    places: list[int] = []
    louds: list[int] = []
    run = -1  # loud blocks of the run; negative while there is none
    count = len(records) // RECORD_BYTES
    for place in range(count):
        first = RECORD_BYTES * place
        level = records[first] | records[first + 1] << 8
        if level < active or (level < loud and records[first + 2] < _HISS):
            if run >= 0:
                places.append(place)
                louds.append(run)
                run = -1
            continue
        if run < 0:
            places.append(place)
            run = 0
        if level >= loud:
            run += 1
    if run >= 0:
        places.append(count)
        louds.append(run)
    return places, louds
