"""The relay as it is deployed: with the modules compiled that are compiled in its image."""

import functools
import os
import shutil

from scripts.compile_relay import compiled
from tests.support.processes import ROOT
from tests.support.terraform import cannot_run


@functools.cache
def compiled_relay() -> dict[str, str]:
    """Environment of a process that is to import it. Compiled once for each content, for a minute: then it is there.

    Skips, or in CI fails, where there is no C compiler.
    """
    if shutil.which(os.environ.get("CC", "cc")) is None:
        cannot_run("no C compiler is installed here, so the relay was not tested as it is deployed")
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{compiled()}:{ROOT}"}
