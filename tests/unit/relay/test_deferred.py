"""Work that can wait: not while frames are late, but not for ever."""

import asyncio

import pytest

from relay.deferred import Deferred
from relay.line.ticker import Ticker
from sim import busy_time


class World:
    """A relay that sends a frame every 10 ms, and work that notes when it is done and takes `takes_s`."""

    def __init__(self):
        self.loop, self.ticker, self.done, self.frames = asyncio.get_running_loop(), Ticker(), [], []
        self.deferred = Deferred(self.ticker)

    def add(self, *names, within_s=1.0, takes_s=0.0):
        for name in names:
            self.deferred.add(lambda name=name: self.work(name, takes_s), within_s)

    def work(self, name, takes_s):
        self.done.append((name, round(self.loop.time(), 6)))
        self.loop.spend(takes_s)

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
        world.add(*range(7))
        await asyncio.sleep(0.02)
        assert world.done == []
        world.add(7, 8)
        await asyncio.sleep(0.02)

    assert told(story).done == [(number, 0.13) for number in range(8)]


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
        world.add(*range(16))
        await asyncio.sleep(1)

    world = told(story)
    first, last = world.done[0][1], world.done[-1][1]
    assert (len(world.done), 0.6 < first <= last < 0.72) == (16, True)


def test_what_can_wait_no_longer_is_done_in_a_full_core_too_a_millisecond_of_it_at_a_time():
    async def story(world):
        world.full(0.1, 2.0)
        await asyncio.sleep(0.2)
        world.add(*range(8), within_s=0.3, takes_s=0.0006)
        await asyncio.sleep(1)

    world = told(story)
    times = [when for _, when in world.done]
    assert [name for name, _ in world.done] == list(range(8))
    assert 0.5 <= times[0] <= times[-1] < 0.6
    began = [later for earlier, later in zip([0, *times], times, strict=False) if later - earlier > 0.0007]
    assert len(began) == 4, "two pieces in one go"


def test_the_first_to_be_done_is_what_can_wait_least():
    async def story(world):
        world.add("patient", within_s=2.0)
        world.add(*"abcdefg", within_s=1.0)
        world.add("urgent", within_s=0.5)
        await asyncio.sleep(0.1)

    assert [name for name, _ in told(story).done] == ["urgent", *"abcdefg"]


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


@pytest.mark.parametrize("count", [1, 7])
def test_an_error_keeps_nothing_else_from_being_done(count):
    async def story(world):
        world.deferred.add(lambda: 1 / 0, 0.1)
        world.add(*range(count))
        await asyncio.sleep(0.2)

    assert [name for name, _ in told(story).done] == list(range(count))
