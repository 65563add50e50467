"""Voice agents: a file or a small folder for each vendor behind one seam, and the registry of vendors.

A folder declares its vendors as `VENDORS`, by name; there is no other list. External vendors are found as
`package.module:configure` (or with a `Vendor` instead of the function), or by an entry point of ENTRY_POINTS.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from relay.agents.bot import VENDOR as BOT
from relay.agents.echo import VENDOR as ECHO
from relay.agents.script import VENDOR as SCRIPT
from relay.agents.telephony.exotel import VENDOR as EXOTEL
from relay.agents.telephony.twilio import VENDOR as TWILIO
from relay.agents.vendor import Vendor

ENTRY_POINTS: Final = "voice_bridge.vendors"


class Vendors(Mapping[str, Vendor]):
    """By name. Iterating yields the built-in ones; a look-up finds external ones too."""

    def __init__(self) -> None:
        folders = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
        declared: dict[str, Vendor] = {}
        for folder in folders:
            declared |= getattr(importlib.import_module(f"{__name__}.{folder}"), "VENDORS", {})
        # the one that needs no AGENTS_FILE comes first
        local = {"echo": ECHO, "script": SCRIPT, "bot": BOT, "exotel": EXOTEL, "twilio": TWILIO}
        self._known: dict[str, Vendor] = {"elevenlabs": declared["elevenlabs"], **declared, **local}

    def __getitem__(self, name: str) -> Vendor:
        """Raises KeyError for an unknown name, ImportError for one that can't be loaded."""
        return self._known.get(name) or _loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _loaded(name: str) -> Vendor:
    """An external vendor. Importing runs its code, so any exception becomes an ImportError that names it."""
    installed = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in installed and ":" not in name:
        raise KeyError(name)
    try:
        found: Any
        if name in installed:
            found = installed[name].load()
        else:
            module, _, attribute = name.partition(":")
            found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise ImportError(f"{type(error).__name__}: {error}") from error
    if isinstance(found, Vendor):
        return found
    if not callable(found):
        raise ImportError(f"{name} is of type {type(found).__name__}, not a function or a relay.agents.vendor.Vendor")
    return Vendor(title=name, configure=found)


VENDORS: Final = Vendors()

HOSTED: Final[Mapping[str, Vendor]] = {name: vendor for name, vendor in VENDORS.items() if vendor.key_env}
"""Those of them that are services somewhere, with a key."""
