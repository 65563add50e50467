"""A virtual clock (virtual_time.py) on which work takes time, so a process can be too busy: its core is full for a
moment, timers fire late, and what arrives meanwhile waits to be read.

The code under test calls stand-ins that say what their work costs (`spend`), and what comes from outside `arrives`: at
its moment, however busy the process is. One turn of the loop handles all that has arrived by its beginning, as
uvloop does.
"""

import asyncio
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from sim.virtual_time import JumpingSelector, VirtualTimeLoop

T = TypeVar("T")
_ROUNDING = 1e-9


class _Arriving(JumpingSelector):
    """Waits no longer than until something arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: list[tuple[float, int, Callable[[], None]]] = []

    def select(self, timeout: float | None = None) -> Any:
        if self.coming:
            arrives_in = max(0.0, self.coming[0][0] - self.now)
            timeout = arrives_in if timeout is None else min(timeout, arrives_in)
        return super().select(timeout)


class BusyLoop(VirtualTimeLoop):
    """Use with ``asyncio.Runner(loop_factory=BusyLoop)`` or `run`."""

    selector = _Arriving
    _jumping: _Arriving

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        self.busy_s = 0.0
        """Seconds of work so far."""

    def spend(self, seconds: float) -> None:
        """What is running takes this long."""
        self._jumping.now += seconds
        self.busy_s += seconds

    def arrives(self, when: float, read: Callable[[], None]) -> None:
        """Something can be read from `when` on; `read` is called in the first turn that begins after that."""
        heappush(self._jumping.coming, (when, next(self._numbers), read))

    def _process_events(self, event_list: Any) -> None:
        super()._process_events(event_list)  # type: ignore[misc]  # not in the stub
        coming, now = self._jumping.coming, self.time() + _ROUNDING
        while coming and coming[0][0] <= now:
            self.call_soon(heappop(coming)[2])


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end."""
    with asyncio.Runner(loop_factory=BusyLoop) as runner:
        return runner.run(main)
