"""What is played in real time is played again, if it failed while this machine had more to do than it could.

A failure on a machine that had cores to spare is one at once, and what fails each time fails.
"""

import functools
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

PRESSURE = Path("/proc/pressure/cpu")
BUSY = 0.2
"""Of the time, somebody waited for a core: beside the suite's other workers it is 0.3 to 0.9."""
TIMES = 3


def real_time(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Decorates a test of that kind. Each attempt has a `tmp_path` of its own."""

    @functools.wraps(test)
    async def played(**given: Any) -> None:
        for attempt in range(TIMES):
            own = dict(given)
            if folder := given.get("tmp_path"):
                (folder / f"attempt{attempt}").mkdir()
                own["tmp_path"] = folder / f"attempt{attempt}"
            began, waited = time.monotonic(), _waited_s()
            try:
                return await test(**own)
            except Exception:
                share = (_waited_s() - waited) / (time.monotonic() - began)
                if share < BUSY or attempt == TIMES - 1:
                    raise
        return None

    return played


def _waited_s() -> float:
    """Since the machine was started, as the kernel counts it; where it does not, nothing is excused."""
    if not PRESSURE.exists():
        return 0.0
    found = re.search(r"^some .*total=(\d+)$", PRESSURE.read_text(), re.MULTILINE)
    return int(found[1]) / 1e6 if found else 0.0
