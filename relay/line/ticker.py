"""One timer of the event loop for all calls, instead of one per call: it fires for the call that is due first."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol

from relay.line.loop_reserve import LoopReserve

LATE_S: Final = 0.003  # frames this late no longer wait for the end of the loop's turn; the least reserve is 20 ms
TICK_S: Final = 0.002  # timers count whole milliseconds: this late is in time
_BACKLOG_S: Final = 0.1  # for so long after a standstill, what came during it may still be waiting to be read
NEVER: Final = float("inf")


class Ticking(Protocol):
    """What asks a ticker for a moment."""

    def tick(self, when: float, now: float) -> None:
        """The moment `when` that was asked for has come; it is `now`. Called by the event loop: it must not wait."""
        ...


class Ticker:
    """The timer of one loop. With 200 calls, five frames are due every millisecond: separate timers took most of the
    time of a wake-up, and a task for each of them most of the rest.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, Ticking]] = []  # a heap; the number decides between equal times
        self._number: Final = count()
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = NEVER
        self._firing = self._calling = False
        self._last_late_s = 0.0
        self._late_s, self._late_at = 0.0, -NEVER  # the last two times together, at most in the last 100 ms
        self._in_time = True
        self._spare: Callable[[float], None] = lambda now: None
        self.reserve = LoopReserve()
        """What its callers, who tell it how late they were, need in reserve."""

    def stood_still(self, now: float) -> float:
        """Seconds for which what is handled now may have waited, because the loop stood still or was busy.

        What came during a standstill takes as long to be handled at most, several turns of the loop perhaps.
        """
        late_s, waiting_s = self._late_s, now - self._fires_at
        if waiting_s > 0.0:
            return late_s + max(waiting_s, late_s)
        return 2 * late_s if now - self._late_at <= max(late_s, _BACKLOG_S) else 0.0

    def at(self, when: float, who: Ticking) -> None:
        """Call `who.tick` at `when`. It can't be taken back: who no longer needs the moment ignores it."""
        heappush(self._waiting, (when, next(self._number), who))
        if when < self._fires_at and not self._firing:
            self._set(when, self._loop.time())

    def spend_spare_time(self, how: Callable[[float], None]) -> None:
        """`how` gets the time whenever all were called in time."""
        self._spare = how

    def _set(self, when: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at, self._timer = max(when, now), self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        """What is read in this turn of the loop, such as speech or an interruption, is to be known before any frame of
        it is sent.
        """
        now = self._loop.time()
        late_s = now - self._fires_at
        self._in_time = late_s < TICK_S
        # what a task handles in this turn was read in the last one, and may have come during the one before
        both_s, self._last_late_s = self._last_late_s + late_s, late_s
        if both_s > self._late_s or now - self._late_at > _BACKLOG_S:
            self._late_s, self._late_at = both_s, now
        self.reserve.look(now)
        self._fires_at, self._timer = NEVER, None
        self._firing = True  # what is asked for meanwhile needs no timer yet
        self._loop.call_soon(self._call)

    def hurry(self, now: float) -> None:
        """To be called between two messages of a turn: what is late by now goes before those that are left.

        A turn of the loop handles all that can be read. While many agents speak that takes longer than the lines have
        in reserve, and every frame would wait for the last message.
        """
        if self._waiting and self._waiting[0][0] < now - LATE_S and not self._calling:
            self._call(now - LATE_S)

    def _call(self, until: float | None = None) -> None:
        """Call those due by now, or by `until`: then the timer has fired, or is late itself, and this is done again.

        Each gets the present time: lines that ran dry at the same moment get their next frames one after the other.
        """
        waiting, time = self._waiting, self._loop.time
        last, self._calling = time() if until is None else until, True
        while waiting and waiting[0][0] <= last:
            when, _, who = heappop(waiting)
            try:
                who.tick(when, time())
            except Exception as error:  # noqa: BLE001 - whatever one of them raises, the others are called
                self._loop.call_exception_handler({"message": "tick() raised", "exception": error})
        self._calling = False
        if until is None:
            if self._in_time and (now := time()) - last < TICK_S:
                self._spare(now)
            self._firing = False
            if waiting:
                self._set(waiting[0][0], time())
