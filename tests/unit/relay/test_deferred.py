"""Voices that wait to be measured: not while frames are late, but not for ever."""

import asyncio

from relay.deferred import Deferred
from relay.line.ticker import Ticker
from sim import busy_time


class World:
    """A relay that sends a frame every 10 ms, and notes who is measured; it takes `takes_s` for each."""

    def __init__(self):
        self.loop, self.ticker, self.done, self.frames = asyncio.get_running_loop(), Ticker(), [], []
        self.deferred, self.takes_s = Deferred(self.ticker, self.measure), 0.0
        self.together = []
        """How many each time."""

    def add(self, *names, within_s=1.0):
        for name in names:
            self.deferred.add(name, within_s)

    def measure(self, names):
        self.together.append(len(names))
        for name in names:
            self.done.append((name, round(self.loop.time(), 6)))
            self.loop.spend(self.takes_s)
            if name == "broken":
                raise ZeroDivisionError

    def tick(self, when, now):
        self.frames.append(now)
        self.ticker.at(when + 0.01, self)

    def full(self, since, until):
        """Messages take 8 ms and come every 7."""
        when = since
        while when < until:
            self.loop.arrives(when, lambda: (self.ticker.hurry(self.loop.time()), self.loop.spend(0.008)))
            when += 0.007


def told(story, *, frames=True):
    async def scenario():
        world = World()
        if frames:
            world.ticker.at(0.0, world)
        await story(world)
        return world

    return busy_time.run(scenario())


def test_enough_of_it_is_done_after_the_next_frame():
    async def story(world):
        await asyncio.sleep(0.101)
        world.add(*range(15))
        await asyncio.sleep(0.02)
        assert world.done == []
        world.add(15, 16)
        await asyncio.sleep(0.02)

    world = told(story)
    assert (world.done, world.together) == ([(number, 0.13) for number in range(16)], [16])


def test_what_is_not_enough_is_done_at_its_latest_moment():
    async def story(world):
        world.add("later", within_s=0.5)
        world.add("first", within_s=0.3)
        await asyncio.sleep(1)
        world.add("again", within_s=0.3)
        await asyncio.sleep(1)

    for frames in (True, False):
        assert told(story, frames=frames).done == [("first", 0.3), ("later", 0.3), ("again", 1.3)]


def test_while_the_core_is_full_it_waits():
    """Measuring callers' voices took 6 % of a core, while frames and messages waited for it."""

    async def story(world):
        world.full(0.1, 0.6)
        await asyncio.sleep(0.2)
        world.add(*range(32))
        await asyncio.sleep(1)

    world = told(story)
    first, last = world.done[0][1], world.done[-1][1]
    assert (len(world.done), 0.6 < first <= last < 0.72) == (32, True)


def test_what_can_wait_no_longer_is_done_in_a_full_core_too_a_few_at_a_time():
    async def story(world):
        world.takes_s = 0.00001
        world.full(0.1, 2.0)
        await asyncio.sleep(0.2)
        world.add(*range(40), within_s=0.3)
        await asyncio.sleep(1)

    world = told(story)
    times = [when for _, when in world.done]
    assert [name for name, _ in world.done] == list(range(40))
    assert 0.5 <= times[0] <= times[-1] < 0.6
    assert world.together == [16, 16, 8]
    first, second, third = times[0], times[16], times[32]
    assert second - first > 0.001, "frames and messages had their turn"
    assert third - second > 0.001


def test_between_two_goes_there_is_time_for_others():
    async def story(world):
        world.add(*range(40), within_s=0.3)
        await asyncio.sleep(1)

    world = told(story, frames=False)
    assert (world.together, sorted({when for _, when in world.done})) == ([16, 16, 8], [0.3, 0.301])


def test_the_first_to_be_done_is_what_can_wait_least():
    async def story(world):
        world.add("patient", within_s=2.0)
        world.add(*"abcdefghijklmno", within_s=1.0)
        world.add("urgent", within_s=0.5)
        await asyncio.sleep(0.1)

    assert [name for name, _ in told(story).done] == ["urgent", *"abcdefghijklmno"]


def test_the_ticker_is_asked_once_for_many():
    async def story(world):
        for _ in range(100):
            world.add(*range(9), within_s=0.3)
            await asyncio.sleep(0.02)

    world = told(story)
    assert len(world.done) > 890
    assert len(world.ticker._waiting) <= 2


def test_a_moment_that_was_asked_for_twice_does_not_count_twice_for_ever():
    async def story(world):
        world.add("patient", within_s=1.0)
        for _ in range(9):
            world.add("urgent", within_s=0.05)
            await asyncio.sleep(0.1)
        world.add("very patient", within_s=10.0)
        await asyncio.sleep(0.5)

    world = told(story, frames=False)
    assert [name for name, _ in world.done] == ["urgent", "patient", *["urgent"] * 8]
    assert len(world.ticker._waiting) == 1


def test_an_error_keeps_nothing_else_from_being_done():
    async def story(world):
        world.add("broken", within_s=0.1)
        await asyncio.sleep(0.2)
        world.add("next", within_s=0.1)
        await asyncio.sleep(0.2)

    assert told(story).done == [("broken", 0.1), ("next", 0.3)]
