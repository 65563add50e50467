"""Fakes of the vendors' agents: each speaks its protocol and holds the client to it (other-agents.md, part B).

A vendor's folder (relay/agents/NAME) has its fake in `fake.py`, and real messages in `messages.json`; a second vendor
there has them in `fake_OTHER.py` and `messages_OTHER.json`. Nothing has to be entered here, and none of it is in the
relay's image. The fake of ElevenLabs, which has a REST API as well, is in sim.elevenlabs. Packages of others declare
theirs as entry points of ENTRY_POINTS, by the vendor's name.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Final, TypeVar

import relay.agents
from sim.vendors.measured import Measured
from sim.vendors.server import FakeVendor

_Kind = TypeVar("_Kind")


def _modules() -> Iterator[tuple[str, ModuleType]]:
    """The vendors' names and the modules of their fakes."""
    for folder in pkgutil.iter_modules(relay.agents.__path__, "relay.agents."):
        name = folder.name.rpartition(".")[2]
        for path in sorted((Path(relay.agents.__path__[0]) / name).glob("fake*.py")):
            yield (
                path.stem.removeprefix("fake").lstrip("_") or name,
                importlib.import_module(f"{folder.name}.{path.stem}"),
            )


def _own(module: ModuleType, kind: type[_Kind]) -> list[type[_Kind]]:
    """The subclasses of `kind` that the module defines."""
    found = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return [one for one in found if issubclass(one, kind)]


_MODULES: Final = dict(_modules())

FAKES: Final[Mapping[str, type[FakeVendor]]] = {
    name: found for name, module in _MODULES.items() for found in _own(module, FakeVendor)
}
"""By the vendor's name in AGENTS_FILE. All of them go through the test suite of the seam."""

MEASURED: Final[Mapping[str, type[Measured]]] = {
    name: found for name, module in _MODULES.items() for found in _own(module, Measured)
}
"""The vendors' sides of a call in the benchmark, by the vendor whose messages they are."""

ENTRY_POINTS: Final = "voice_bridge.fakes"


def corpus_of(name: str, codec: str = "") -> Path:
    """Real messages of a built-in vendor, each with what it must decode to. `codec`: see Vendor."""
    file = f"messages_{name}.json" if codec else "messages.json"
    return Path(relay.agents.__path__[0]) / (codec or name) / file


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
