"""One timer of the event loop for all calls, instead of one per call: it fires for the call that is due first."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from relay.line.loop_reserve import LoopReserve
from relay.whole_tick import whole_tick

LATE_S: Final = 0.003  # frames this late no longer wait for the end of the loop's turn; the least reserve is 20 ms
TICK_S: Final = 0.002  # timers count whole milliseconds: this late is in time
_BACKLOG_S: Final = 0.1  # for so long after a standstill, what came during it may still be waiting to be read
NEVER: Final = float("inf")


class Ticking(Protocol):
    """What asks a ticker for a moment."""

    def tick(self, when: float, now: float) -> None:
        """The moment `when` that was asked for has come; it is `now`. Called by the event loop: it must not wait."""
        ...


class Moment:
    """One that was asked for. `number` decides between equal ones."""

    __slots__ = ("number", "when", "who")

    def __init__(self, when: float, number: int, who: Ticking) -> None:
        self.when = when
        self.number = number
        self.who: Ticking | None = who

    def cancel(self) -> None:
        """Nobody is called any more, nor kept until then."""
        self.who = None

    def before(self, other: "Moment") -> bool:
        """Whether it comes first."""
        return self.when < other.when or (self.when == other.when and self.number < other.number)


class _Moments:
    """A heap of them. As heapq's, but of plain numbers once it is compiled: comparing tuples took most of the time."""

    def __init__(self) -> None:
        self._heap: list[Moment] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def first(self) -> float:
        """The first of them."""
        return self._heap[0].when if self._heap else NEVER

    def add(self, when: float, who: Ticking) -> Moment:
        heap, due = self._heap, Moment(when, self._number, who)
        self._number += 1
        at = len(heap)
        heap.append(due)
        while at:
            above = (at - 1) // 2
            parent = heap[above]
            if parent.when <= when:  # of equal ones, the new one is the last
                break
            heap[at], at = parent, above
        heap[at] = due
        return due

    def take(self) -> Moment:
        """The first one, which is no longer in the heap."""
        heap = self._heap
        first, last, size = heap[0], heap.pop(), len(heap)
        if not size:
            return first
        at, below = 0, 1
        while below < size:
            child = heap[below]
            if below + 1 < size and (other := heap[below + 1]).before(child):
                child, below = other, below + 1
            if last.before(child):
                break
            heap[at], at = child, below
            below = 2 * at + 1
        heap[at] = last
        return first


class Ticker:
    """The timer of one loop. With 200 calls, five frames are due every millisecond: separate timers took most of the
    time of a wake-up, and a task for each of them most of the rest.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # of relay.loop: a timer for a whole tick. Other loops have none, and need none: their timers are not rounded.
        self._in_ticks: Callable[..., asyncio.TimerHandle] | None = getattr(self._loop, "call_in_ticks", None)
        self._waiting = _Moments()
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = NEVER
        self._firing = self._calling = False
        self._last_late_s = 0.0
        self._late_s, self._late_at = 0.0, -NEVER  # the last two times together, at most in the last 100 ms
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

    def at(self, when: float, who: Ticking) -> Moment:
        """Call `who.tick` at `when`. What is returned can be cancelled; who will soon be called may ignore it instead.

        A timer of the loop's takes half a kilobyte, a moment 64 bytes.
        """
        moment = self._waiting.add(when, who)
        if when < self._fires_at and not self._firing:
            self._set(when, self._loop.time())
        return moment

    def _set(self, when: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = max(when, now)
        if self._in_ticks is None:
            self._timer = self._loop.call_at(when, self._fire)
        else:
            self._timer = self._in_ticks(max(0.0, whole_tick(when) - now), self._fire)

    def _fire(self) -> None:
        """What is read in this turn of the loop, such as speech or an interruption, is to be known before any frame of
        it is sent.
        """
        now = self._loop.time()
        late_s = now - self._fires_at
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
        if self._waiting.first < now - LATE_S and not self._calling:
            self._call(now - LATE_S)

    def _call(self, until: float | None = None) -> None:
        """Call those due by now, or by `until`: then the timer has fired, or is late itself, and this is done again.

        Each gets the present time: lines that ran dry at the same moment get their next frames one after the other.
        """
        waiting, time = self._waiting, self._loop.time
        last, self._calling = time() if until is None else until, True
        while waiting.first <= last:
            due = waiting.take()
            if (who := due.who) is None:
                continue
            try:
                who.tick(due.when, time())
            except Exception as error:  # noqa: BLE001 - whatever one of them raises, the others are called
                self._loop.call_exception_handler({"message": "tick() raised", "exception": error})
        self._calling = False
        if until is None:
            self._firing = False
            if waiting.first < NEVER:
                self._set(waiting.first, time())
