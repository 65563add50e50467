"""A relay with agents of any vendors behind it: sim.seam.world, which packages of others use, too."""

from sim.seam.world import (
    HOSTED,
    KEY,
    RAIN,
    TALKING,
    UNLIKE,
    Entry,
    Seen,
    World,
    able,
    holds,
    lines_heard,
    spectrum_likeness,
    world,
)

__all__ = [
    "HOSTED",
    "KEY",
    "RAIN",
    "TALKING",
    "UNLIKE",
    "Entry",
    "Seen",
    "World",
    "able",
    "holds",
    "lines_heard",
    "spectrum_likeness",
    "world",
]
