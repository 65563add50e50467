"""Work that can wait, such as measuring a caller's voice: done while frames are sent in time, not in a moment in which
the core is full.

Several pieces are done in one go, because that takes a third of the time when their code is already in the processor's
cache: half a second of a voice is measured by forty calls of numpy, and little else.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol

_TOGETHER: Final = 8  # pieces done in one go …
_LONGEST_S: Final = 0.001  # … which ends once it takes longer, because frames wait for it
_NEVER: Final = float("inf")

Work = Callable[[], None]
Defer = Callable[[Work, float], None]
"""`Deferred.add`."""


class _Ticker(Protocol):
    """relay.line.ticker.Ticker."""

    def at(self, when: float, who: "Deferred") -> None: ...

    def spend_spare_time(self, how: Callable[[float], None]) -> None: ...


class Deferred:
    """Of one relay. Nobody may depend on when the work is done."""

    def __init__(self, ticker: _Ticker) -> None:
        self._ticker = ticker
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, Work]] = []  # a heap, by the latest moment of each
        self._number: Final = count()
        self._asked_for = _NEVER
        ticker.spend_spare_time(self._spare)

    def add(self, work: Work, within_s: float) -> None:
        """Do `work` when there is time for it, but after `within_s` in any case.

        Its errors are ignored: what failed is done again by the call that needs it.
        """
        latest = self._loop.time() + within_s
        heappush(self._waiting, (latest, next(self._number), work))
        if latest < self._asked_for:
            self._ask(latest)

    def _ask(self, when: float) -> None:
        self._asked_for = when
        self._ticker.at(when, self)

    def tick(self, when: float, now: float) -> None:
        """See Ticking: the first piece can wait no longer, unless it was done in the meantime."""
        if when != self._asked_for:
            return
        self._asked_for = _NEVER
        if self._waiting and self._waiting[0][0] <= now:
            self._do(now)
        if self._waiting:
            self._ask(max(self._waiting[0][0], now + _LONGEST_S))

    def _spare(self, now: float) -> None:
        """Frames are in time, so this is the time for what waits, if that is enough."""
        if len(self._waiting) >= _TOGETHER:
            self._do(now)

    def _do(self, now: float) -> None:
        waiting, time = self._waiting, self._loop.time
        for _ in range(min(_TOGETHER, len(waiting))):
            _, _, work = heappop(waiting)
            with suppress(Exception):  # it is another call's, which will meet it itself
                work()
            if time() - now > _LONGEST_S:
                break
