"""All who wait on one timer are called when they are due, and nobody else is held up."""

import asyncio

import pytest

from relay.line.ticker import Ticker
from sim import virtual_time
from sim.virtual_time import VirtualTimeLoop


class Counting(VirtualTimeLoop):
    """Counts the timers it is asked for, and keeps what was raised in them."""

    def __init__(self):
        super().__init__()
        self.timers, self.raised = 0, []
        self.set_exception_handler(lambda loop, context: self.raised.append(context["exception"]))

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


class Sleeper:
    """Notes (its name, when it asked to be called, when it was), then does `then`."""

    def __init__(self, name, woken, then=lambda now: None):
        self.name, self.woken, self.then = name, woken, then

    def tick(self, when, now):
        self.woken.append((self.name, when, now))
        self.then(now)


def told(*asked):
    """Of those that `asked`, (name, moment): (name, asked for, called at) in order, and how many timers that took."""

    async def scenario():
        loop, ticker, woken = asyncio.get_running_loop(), Ticker(), []
        for name, when in asked:
            ticker.at(when, Sleeper(name, woken))
        await asyncio.sleep(10)
        return woken, loop.timers - 1

    with asyncio.Runner(loop_factory=Counting) as runner:
        return runner.run(scenario())


def test_each_is_called_at_its_moment_in_whatever_order_they_asked():
    woken, _ = told(("late", 3.0), ("first", 0.25), ("then", 1.5), ("also then", 1.5))
    assert woken == [("first", 0.25, 0.25), ("then", 1.5, 1.5), ("also then", 1.5, 1.5), ("late", 3.0, 3.0)]


def test_those_due_at_the_same_time_share_a_timer():
    """A frame of each of 200 calls took 200 timers; most of what a wake-up costs was making and cancelling them."""
    woken, timers = told(*((number, 0.04 * (1 + number % 5)) for number in range(200)))
    assert len(woken) == 200
    assert timers == 5


def test_who_asks_for_a_past_moment_is_called_at_once():
    woken, _ = told(("over", -1.0), ("next", 0.5))
    assert woken == [("over", -1.0, 0.0), ("next", 0.5, 0.5)]


def test_who_is_called_may_ask_again_at_once():
    """A frame of each of three calls, 40 ms apart: one timer for the three."""

    async def scenario():
        loop, ticker, woken = asyncio.get_running_loop(), Ticker(), []
        for name in ("a", "b", "c"):
            sleeper = Sleeper(name, woken)
            sleeper.then = lambda now, sleeper=sleeper: ticker.at(now + 0.25, sleeper)
            ticker.at(0.25, sleeper)
        await asyncio.sleep(10.1)
        return woken, loop.timers - 1

    with asyncio.Runner(loop_factory=Counting) as runner:
        woken, timers = runner.run(scenario())
    assert woken == [(name, turn * 0.25, turn * 0.25) for turn in range(1, 41) for name in ("a", "b", "c")]
    assert timers == 41


@pytest.mark.parametrize("first", ["the ticker", "the socket"])
def test_what_happens_in_the_turn_of_the_timer_is_known_before_anybody_is_called(first):
    """Speech that is read when a frame is due would otherwise wait for the next one."""

    async def scenario():
        loop, ticker, order = asyncio.get_running_loop(), Ticker(), []
        asks = [
            lambda: ticker.at(1.0, Sleeper("frame", [], lambda now: order.append("frame"))),
            lambda: loop.call_at(1.0, order.append, "speech"),
        ]
        for ask in asks if first == "the ticker" else reversed(asks):
            ask()
        await asyncio.sleep(2)
        return order

    assert virtual_time.run(scenario()) == ["speech", "frame"]


def test_an_error_of_one_keeps_nobody_else_from_being_called():
    """It is the timer of all calls."""

    async def scenario():
        loop, ticker, woken = asyncio.get_running_loop(), Ticker(), []

        def break_down(now):
            raise ArithmeticError

        ticker.at(1.0, Sleeper("before", woken))
        ticker.at(1.0, Sleeper("broken", woken, break_down))
        ticker.at(1.0, Sleeper("with it", woken))
        ticker.at(2.0, Sleeper("later", woken))
        await asyncio.sleep(3)
        ticker.at(4.0, Sleeper("at last", woken))
        await asyncio.sleep(3)
        return woken, [type(error) for error in loop.raised]

    with asyncio.Runner(loop_factory=Counting) as runner:
        woken, raised = runner.run(scenario())
    names = ["before", "broken", "with it", "later", "at last"]
    assert [(name, now) for name, _, now in woken] == list(zip(names, (1.0, 1.0, 1.0, 2.0, 4.0), strict=True))
    assert raised == [ArithmeticError]


def test_how_long_the_loop_stood_still_is_known_before_and_after_the_timer_fires_and_forgotten_soon():
    """What is read after a standstill has waited that long, read before the timer is served or after."""

    async def scenario():
        loop, ticker = asyncio.get_running_loop(), Ticker()
        known = [ticker.stood_still(loop.time())]
        ticker.at(1.0, Sleeper("", []))
        known.append(ticker.stood_still(1.0))
        loop._jumping.now = 1.25  # nothing ran until now
        known.append(ticker.stood_still(1.25))
        await asyncio.sleep(0.001)
        known.append(ticker.stood_still(1.3))
        for when in (1.3, 1.33):  # in time, so it changes nothing
            ticker.at(when, Sleeper("", []))
        await asyncio.sleep(0.085)
        known += [ticker.stood_still(1.34), ticker.stood_still(1.36)]
        return known

    assert virtual_time.run(scenario()) == pytest.approx([0.0, 0.0, 0.25, 0.25, 0.25, 0.0])


def test_a_moment_that_was_over_when_it_was_asked_for_is_no_standstill():
    async def scenario():
        loop, ticker = asyncio.get_running_loop(), Ticker()
        await asyncio.sleep(5)
        ticker.at(1.0, Sleeper("", []))
        return ticker.stood_still(loop.time())

    assert virtual_time.run(scenario()) == 0.0
