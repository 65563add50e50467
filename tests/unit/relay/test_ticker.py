"""All who wait on one timer are woken when they are due, and nobody else is held up."""

import asyncio

import pytest

from relay.line.ticker import Ticker
from sim import virtual_time
from sim.virtual_time import VirtualTimeLoop


class Counting(VirtualTimeLoop):
    """Counts the timers it is asked for."""

    timers = 0

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


def told(*asked):
    """Of those that `asked`, (name, moment): when each was woken and with what, and how many timers that took."""

    async def scenario():
        loop, woken = asyncio.get_running_loop(), {}
        ticker = Ticker()
        for name, when in asked:
            waiter = loop.create_future()
            waiter.add_done_callback(lambda done, name=name: woken.setdefault(name, (loop.time(), done.result())))
            ticker.at(when, waiter)
        await asyncio.sleep(10)
        return woken, loop.timers - 1

    with asyncio.Runner(loop_factory=Counting) as runner:
        return runner.run(scenario())


def test_each_is_woken_at_its_moment_in_whatever_order_they_asked():
    woken, _ = told(("late", 3.0), ("first", 0.25), ("then", 1.5), ("also then", 1.5))
    assert list(woken) == ["first", "then", "also then", "late"]
    assert woken == {"first": (0.25, 0.25), "then": (1.5, 1.5), "also then": (1.5, 1.5), "late": (3.0, 3.0)}


def test_waiters_due_at_the_same_time_share_a_timer():
    """A frame of each of 200 calls took 200 timers; most of what a wake-up costs was making and cancelling them."""
    woken, timers = told(*((number, 0.04 * (1 + number % 5)) for number in range(200)))
    assert len(woken) == 200
    assert timers == 5


def test_a_waiter_for_a_past_moment_is_woken_at_once():
    woken, _ = told(("over", -1.0), ("next", 0.5))
    assert woken == {"over": (0.0, 0.0), "next": (0.5, 0.5)}


def test_waiters_that_are_done_or_cancelled_are_skipped():
    async def scenario():
        loop, ticker = asyncio.get_running_loop(), Ticker()
        news, gone, waits = (loop.create_future() for _ in range(3))
        for waiter in (news, gone, waits):
            ticker.at(1.0, waiter)
        news.set_result(None)
        gone.cancel()
        return await waits, news.result(), gone.cancelled()

    with asyncio.Runner(loop_factory=Counting) as runner:
        assert runner.run(scenario()) == (1.0, None, True)


def test_a_waiter_may_wait_again_as_soon_as_it_is_woken():
    async def scenario():
        loop, ticker, moments = asyncio.get_running_loop(), Ticker(), []
        for frame in range(1, 26):
            waiter = loop.create_future()
            ticker.at(frame * 0.04, waiter)
            moments.append(await waiter)
        return moments, loop.timers

    with asyncio.Runner(loop_factory=Counting) as runner:
        moments, timers = runner.run(scenario())
    assert moments == [frame * 0.04 for frame in range(1, 26)]
    assert timers == 25


def test_how_long_the_loop_stood_still_is_known_before_and_after_the_timer_fires_and_forgotten_soon():
    """What is read after a standstill has waited that long, read before the timer is served or after."""

    async def scenario():
        loop, ticker = asyncio.get_running_loop(), Ticker()
        known = [ticker.stood_still(loop.time())]
        ticker.at(1.0, loop.create_future())
        known.append(ticker.stood_still(1.0))
        loop._jumping.now = 1.25  # nothing ran until now
        known.append(ticker.stood_still(1.25))
        await asyncio.sleep(0.001)
        known.append(ticker.stood_still(1.3))
        for when in (1.3, 1.33):  # in time, so it changes nothing
            ticker.at(when, loop.create_future())
        await asyncio.sleep(0.085)
        known += [ticker.stood_still(1.34), ticker.stood_still(1.36)]
        return known

    assert virtual_time.run(scenario()) == pytest.approx([0.0, 0.0, 0.25, 0.25, 0.25, 0.0])


def test_a_moment_that_was_over_when_it_was_asked_for_is_no_standstill():
    async def scenario():
        loop, ticker = asyncio.get_running_loop(), Ticker()
        await asyncio.sleep(5)
        ticker.at(1.0, loop.create_future())
        return ticker.stood_still(loop.time())

    assert virtual_time.run(scenario()) == 0.0
