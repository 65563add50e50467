"""The fakes of the vendors' agents: each speaks its protocol and holds the client to it (other-agents.md, part B).

A vendor's folder (relay/agents/NAME) has its fake in `fake.py`, and real messages in `messages.json`; a second vendor
there has them in `fake_OTHER.py` and `messages_OTHER.json`. What a fake is made of besides (shapes, a REST API) is in
more files named `fake_….py`. Nothing has to be entered here, and none of it is in the relay's image. Packages of others
declare theirs as entry points of ENTRY_POINTS, by the vendor's name. No fake imports this file: it imports all of them.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

import relay.agents
from relay.agents import VENDORS
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


def _declared(kind: type[_Kind]) -> dict[str, type[_Kind]]:
    """What the fakes' modules define of one kind, by vendor."""
    return {
        name: found
        for name, module in _modules()
        for found in vars(module).values()
        if isinstance(found, type) and found.__module__ == module.__name__ and issubclass(found, kind)
    }


FAKES: Final = _declared(FakeVendor)
"""By the vendor's name in AGENTS_FILE. All of them go through the test suite of the seam."""

MEASURED: Final = _declared(Measured)
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


def entry_of(name: str, alias: str, url: str, *, greeting: str) -> dict[str, Any]:
    """An entry of AGENTS_FILE for the vendor's fake at `url`; `greeting` only where it is not set at the vendor."""
    vendor = VENDORS[name]
    known = vendor.options.__struct_fields__ if vendor.options else ()
    options = {**vendor.needs, **({"greeting": greeting} if "greeting" in known else {}), "base_url": url}
    return {"vendor": name, "id": "" if vendor.default_id else f"agent_{alias}", "options": options}
