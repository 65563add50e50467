"""Fakes of the vendors' agents: each speaks its protocol and holds the client to it (other-agents.md, part B).

A fake is the FakeVendor of the module that has its vendor's name; nothing has to be entered here. That of ElevenLabs is
in sim.elevenlabs. Packages of others declare theirs as entry points of ENTRY_POINTS, by the vendor's name.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Final

from sim.vendors.server import FakeVendor


def _fakes() -> Iterator[tuple[str, type[FakeVendor]]]:
    for module in pkgutil.iter_modules(__path__):
        for found in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            own = isinstance(found, type) and found.__module__ == f"{__name__}.{module.name}"
            if own and issubclass(found, FakeVendor) and found is not FakeVendor:
                yield module.name, found


FAKES: Final[Mapping[str, type[FakeVendor]]] = dict(_fakes())
"""By the vendor's name in AGENTS_FILE. All of them go through the test suite of the seam."""

ENTRY_POINTS: Final = "voice_bridge.fakes"


def fake_of(name: str) -> type[FakeVendor] | None:
    """The fake of a vendor: a built-in one, or one that an installed package declares for that vendor."""
    if name in FAKES:
        return FAKES[name]
    for point in entry_points(group=ENTRY_POINTS, name=name):
        found = point.load()
        if not (isinstance(found, type) and issubclass(found, FakeVendor)):
            raise TypeError(f"expected {ENTRY_POINTS} {name} to be a subclass of {FakeVendor.__name__}, got {found!r}")
        return found
    return None
