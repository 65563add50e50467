"""Fakes of the vendors' agents: each speaks its protocol and holds the client to it (other-agents.md, part B).

A fake is the FakeVendor of the module that has its vendor's name; nothing has to be entered here. That of ElevenLabs is
in sim.elevenlabs.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
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
