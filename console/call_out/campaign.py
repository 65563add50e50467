"""Calls a list: each number once, within calling hours, at a limited pace, while streams are free. A journal notes it
all.

    take up   continue an earlier run: placed calls are followed, unknown ones are looked up, ended ones are done
    place     calling hours → a free place → a free stream → the pace → intent on disk → the order is sent
    follow    ask for the call until it has ended
    stop      place no more orders; wait for those that were sent; follow running calls a little longer
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from console.call_out.failures import Failures
from console.call_out.journal import Journal, State, Story
from console.call_out.limits import Limits
from console.call_out.outcome import OF_STATUS, Outcome, Result
from console.call_out.people import Callee
from console.call_out.room import Room
from console.call_out.trail import NotKnownError, Trail
from console.exotel.client import ExotelClient
from console.exotel.errors import ExotelError, Refused, Throttled, Unanswered, Unreachable
from console.exotel.facts import CallFacts
from console.exotel.order import Order
from console.exotel.pace import Pace

MARK_CHARACTERS = len(" #0123abcd")
"""Of Exotel's CustomField: how a call is recognised whose order was never answered."""
LOOK_AT_CLOCK_S = 60.0
ORDERS_AT_ONCE = 3  # this many become unknown if Exotel stops answering
STOP_PATIENCE_S = 10.0


class Watch(Protocol):
    """Observer of a campaign."""

    def note(self, sentence: str) -> None:
        """A message about the whole list."""
        ...

    def changed(self, result: Result) -> None:
        """The state of a number has changed."""
        ...


class Campaign:
    """One run over a list. `orders`: number → what to place; `now`: seconds since the epoch."""

    def __init__(
        self,
        client: ExotelClient,
        journal: Journal,
        people: Sequence[Callee],
        orders: Mapping[str, Order],
        *,
        limits: Limits,
        watch: Watch,
        now: Callable[[], float],
        do_not_call: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._trail = Trail(client, now)
        self._journal = journal
        self._people = people
        self._orders = orders
        self._limits = limits
        self._watch = watch
        self._now = now
        self._do_not_call = do_not_call
        self._pace = Pace(limits.a_minute)
        self._room = Room(client, watch.note)
        self._queue: deque[Callee] = deque()
        self._ordering: set[asyncio.Task[None]] = set()
        self._following: set[asyncio.Task[None]] = set()
        self._no_more = asyncio.Event()
        self._leave = asyncio.Event()
        self._moved = asyncio.Event()
        self._failures = Failures()
        self.results: dict[str, Result] = {one.number: Result(one, Outcome.NOT_CALLED) for one in people}
        self.stopped_because = ""

    def leave(self) -> None:
        """Place no more calls, and let `run` return soon: the next run follows calls that are still ringing."""
        self._give_up("interrupted")
        self._leave.set()

    def _give_up(self, because: str) -> None:
        """Place no more calls; placed calls are followed to their end."""
        self.stopped_because = self.stopped_because or because
        self._no_more.set()

    async def run(self) -> Sequence[Result]:
        """Results in the list's order, once every call has ended or nothing more can be done."""
        try:
            await _unless(self._no_more, self._take_up())
            await _unless(self._no_more, self._place_all())
            # An order that was sent may have placed a call: wait for its answer even now.
            while self._ordering:
                await asyncio.wait(self._ordering)
            await _unless(self._leave, self._all_followed())
            if self._following:
                await asyncio.wait(self._following, timeout=STOP_PATIENCE_S)
            await _unless(self._leave, self._find_unknown())
        finally:
            for task in (*self._ordering, *self._following):
                task.cancel()
            await asyncio.gather(*self._ordering, *self._following, return_exceptions=True)
        return [self.results[one.number] for one in self._people]

    # --- take up ------------------------------------------------------------------------------------------------

    async def _take_up(self) -> None:
        unknown: list[tuple[Callee, Story]] = []
        for one in self._people:
            story = self._journal.story(one.number)
            if story.state is State.ENDED:
                self._became(one, Outcome(story.outcome), story)
            elif story.state is State.PLACED:
                self._follow(one, story)
            elif one.number in self._do_not_call:
                self._became(one, Outcome.DO_NOT_CALL)
            elif story.state is State.NEW or self._limits.retry_unknown:
                self._queue.append(one)
            else:
                self._became(one, Outcome.UNKNOWN, story)
                unknown.append((one, story))
        for one, story in unknown:
            if await self._look_for(one, story):
                self._queue.append(one)

    async def _look_for(self, one: Callee, story: Story) -> bool:
        """A number of which an earlier run left only an intent. True: no call was placed, so it may be called."""
        try:
            found = await self._trail.placed_by(story, one)
        except NotKnownError as why:
            self._became(one, Outcome.UNKNOWN, story, str(why))
            return False
        if found is not None:
            self._journal.note(story.mark, "placed", at=self._now(), call_sid=found.sid)
            self._follow(one, self._journal.story(one.number))
            return False
        self._journal.note(story.mark, "absent", at=self._now())
        return True

    async def _find_unknown(self) -> None:
        """Orders of this run whose answer was lost: most of their calls have ended by now."""
        for one in self._people:
            story = self._journal.story(one.number)
            unknown = self.results[one.number].outcome is Outcome.UNKNOWN and story.state is State.UNKNOWN
            if unknown and await self._look_for(one, story):
                self._became(one, Outcome.NOT_CALLED, detail="no call was placed after all")
        await self._all_followed()

    # --- place --------------------------------------------------------------------------------------------------

    async def _place_all(self) -> None:
        told = False
        while self._queue or self._ordering:
            self._moved.clear()
            if not self._queue or self._is_full():
                await self._moved.wait()
            elif not self._limits.afford(self._orders.values(), self.results.values(), len(self._ordering)):
                if not self._ordering and not self._following:
                    self._give_up(f"MAX_MINUTES={self._limits.minutes:g} would be exceeded by another call")
                    return
                await self._moved.wait()  # a call that ends early frees the minutes reserved for it
            elif not (opens_in := min(map(self._opens_in, {one.zone for one in self._queue}))):
                if not await self._room.wait():
                    self._give_up("the account may have no streams at all: ask Exotel to enable AgentStream")
                    return
                await self._pace.turn()
                self._order_next()
                told = False
            elif self._limits.waits:
                if not told:
                    self._watch.note(f"Outside calling hours: waiting for {_hours_and_minutes(opens_in)}.")
                told = True
                # In short steps: closing a laptop stops the loop's clock, but not the time of day.
                await asyncio.sleep(min(opens_in, LOOK_AT_CLOCK_S))
            else:
                self._give_up("outside calling hours")
                return

    def _is_full(self) -> bool:
        calls = len(self._ordering) + len(self._following)
        return calls >= self._limits.concurrent or len(self._ordering) >= ORDERS_AT_ONCE

    def _opens_in(self, zone: ZoneInfo | None) -> float:
        return self._limits.opens_in(self._now(), zone)

    def _order_next(self) -> None:
        """Call the first number in the queue whose hours are open; none if they ended while we waited for our turn."""
        is_open = {zone: not self._opens_in(zone) for zone in {one.zone for one in self._queue}}
        one = next((one for one in self._queue if is_open[one.zone]), None)
        if one is not None:
            self._queue.remove(one)
            mark = secrets.token_hex(4)
            self._room.placed(mark)
            self._spawn(self._ordering, self._order(one, mark))

    async def _order(self, one: Callee, mark: str) -> None:
        order = self._orders[one.number]
        marked = replace(order, custom_field=f"{order.custom_field} #{mark}".strip())
        self._journal.intend(one.number, mark, at=self._now(), time_limit_s=order.time_limit_s)
        try:
            call = await self._client.place(marked)
        except (Throttled, Unreachable) as error:
            self._not_now(one, mark, error)
        except Refused as error:
            self._refused(one, mark, error)
        except Unanswered as error:
            self._journal.note(mark, "unknown", at=self._now(), why=str(error))
            self._became(one, Outcome.UNKNOWN, self._journal.story(one.number), str(error))
            self._failed(error)
        else:
            self._failures.accepted()
            self._journal.note(mark, "placed", at=self._now(), call_sid=call.sid)
            self._follow(one, self._journal.story(one.number))

    def _not_now(self, one: Callee, mark: str, error: Throttled | Unreachable) -> None:
        """Nothing was placed, for a reason that does not concern the number: it stays first in the queue."""
        self._journal.note(mark, "not_placed", at=self._now(), why=str(error))
        self._room.over(mark)
        self._queue.appendleft(one)
        wait_s = self._failures.again_in(error)
        self._failed(error)
        self._watch.note(f"{error}. Waiting for {wait_s:.0f} s.")
        self._pace.pause(wait_s)

    def _refused(self, one: Callee, mark: str, error: Refused) -> None:
        self._journal.note(mark, "not_placed", at=self._now(), why=str(error))
        self._room.over(mark)
        self._became(one, Outcome.REFUSED, detail=str(error))
        self._failed(error)

    def _failed(self, error: ExotelError) -> None:
        if why := self._failures.stops(error):
            self._give_up(why)

    # --- follow -------------------------------------------------------------------------------------------------

    def _follow(self, one: Callee, story: Story) -> None:
        self._became(one, Outcome.OPEN, story)
        self._spawn(self._following, self._to_its_end(one, story))

    async def _to_its_end(self, one: Callee, story: Story) -> None:
        call = await self._trail.end_of(story, lambda: len(self._following))
        if call is None:
            self._became(one, Outcome.OPEN, story, "Exotel has not reported its end")
        else:
            self._ended(one, story, call)
        self._room.over(story.mark)

    def _ended(self, one: Callee, story: Story, call: CallFacts) -> None:
        outcome = OF_STATUS[call.status]
        duration_s = call.duration_s if outcome is Outcome.ANSWERED else 0
        self._journal.note(story.mark, "ended", at=self._now(), outcome=outcome, duration_s=duration_s)
        self._became(one, outcome, self._journal.story(one.number))

    async def _all_followed(self) -> None:
        while self._following:
            await asyncio.wait(self._following)

    # --- both ---------------------------------------------------------------------------------------------------

    def _became(self, one: Callee, outcome: Outcome, story: Story | None = None, detail: str = "") -> None:
        result = Result(one, outcome, story.duration_s if story else 0, story.call_sid if story else "", detail)
        self.results[one.number] = result
        self._watch.changed(result)

    def _spawn(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)

        def done(_: asyncio.Task[None]) -> None:
            tasks.discard(task)
            self._moved.set()
            if not task.cancelled() and (error := task.exception()):
                # The journal can't be written, or an error in our code: place nothing more.
                self._give_up(f"{type(error).__name__}: {error}")

        task.add_done_callback(done)


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end or until `event`."""
    if event.is_set():
        work.close()
        return
    task, happened = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, happened}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()  # no effect on a finished task
        happened.cancel()
    [failed] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed


def _hours_and_minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
