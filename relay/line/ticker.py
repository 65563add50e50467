"""One timer of the event loop for all calls, instead of one per call: it fires for the waiter that is due first."""

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import Final

Waiter = asyncio.Future[float | None]
_BACKLOG_S: Final = 0.1  # for so long after a standstill, what came during it may still be waiting to be read


class Ticker:
    """The timer of one loop. With 200 calls, five frames are due every millisecond: separate timers took most of the
    time of a wake-up.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, Waiter]] = []  # a heap; the number decides between equal times
        self._number: Final = count()
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = float("inf")
        self._late_s, self._late_at = 0.0, float("-inf")

    def stood_still(self, now: float) -> float:
        """Seconds for which the loop stood still just now: what was to be read meanwhile is as late, and for no other
        reason.
        """
        waiting_s = now - self._fires_at
        known_s = self._late_s if now - self._late_at <= _BACKLOG_S else 0.0
        return waiting_s if waiting_s > known_s else known_s

    def at(self, when: float, waiter: Waiter) -> None:
        """Set the result of `waiter` at `when`, unless it is done before. A waiter need not be removed."""
        heappush(self._waiting, (when, next(self._number), waiter))
        if when < self._fires_at:
            self._set(when)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at, self._timer = max(when, self._loop.time()), self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        now = self._loop.time()
        if (late_s := now - self._fires_at) >= self.stood_still(now):
            self._late_s, self._late_at = late_s, now
        self._fires_at, self._timer = float("inf"), None
        while self._waiting and self._waiting[0][0] <= now:
            waiter = heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(now)
        if self._waiting:
            self._set(self._waiting[0][0])
