"""Something that one task waits for and others report: `asyncio.Event` in a twentieth of its memory.

A call has five of them, and hardly ever a task that waits for most of them.
"""

import asyncio


class Flag:
    """Not set at first. `wait` returns at once while it is set."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: tuple[asyncio.Future[bool], ...] = ()

    def set(self) -> None:
        """Wake up all that wait."""
        self._is_set = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(True)

    def clear(self) -> None:
        """From now on `wait` waits for the next `set`."""
        self._is_set = False

    async def wait(self, until: float | None = None) -> bool:
        """Until it is set, or until that time of the event loop's clock. Returns whether it was set."""
        if self._is_set:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting = (*self._waiting, waiter)
        limit = None if until is None else loop.call_at(until, _give_up, waiter)
        try:
            return await waiter
        finally:
            self._waiting = tuple(other for other in self._waiting if other is not waiter)
            if limit is not None:
                limit.cancel()


def _give_up(waiter: "asyncio.Future[bool]") -> None:
    if not waiter.done():
        waiter.set_result(False)
