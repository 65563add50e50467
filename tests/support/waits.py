"""Measures how long a process waited for a core, a delay that a test must not blame on the relay.

The kernel counts this time. A relay whose loop is blocked by its own work is running, not waiting, so this excuses
nothing that the relay does.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

EVERY_S = 0.02


class Waits:
    """Waits of the threads of one process, in seconds on the loop's clock."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._at: list[float] = []
        self._waited: list[float] = []

    def look(self, now: float) -> None:
        """Note what the kernel has counted so far. If it counts nothing, nothing is excused."""
        waited = 0
        for task in self._tasks.glob("*/schedstat"):
            with suppress(OSError):  # the thread has ended meanwhile
                waited += int(task.read_text().split()[1])
        self._at.append(now)
        self._waited.append(waited / 1e9)

    def between(self, start: float, end: float) -> float:
        """Seconds of waiting between the last sample before `start` and the first one after `end`."""
        first = max(0, bisect_right(self._at, start) - 1)
        last = min(len(self._at) - 1, bisect_left(self._at, end))
        return self._waited[last] - self._waited[first]


@asynccontextmanager
async def watched(pid: int) -> AsyncIterator[Waits]:
    """Sample while the block runs."""
    waits, loop = Waits(pid), asyncio.get_running_loop()

    async def watch() -> None:
        while True:
            waits.look(loop.time())
            await asyncio.sleep(EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        yield waits
    finally:
        watching.cancel()
        waits.look(loop.time())
