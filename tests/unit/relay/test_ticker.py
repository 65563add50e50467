"""All who wait on one timer are called when they are due, and nobody else is held up."""

import asyncio
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.line.ticker import Ticker, _Moments
from relay.loop import RelayLoop
from sim import busy_time, virtual_time
from sim.busy_time import BusyLoop
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


def test_a_cancelled_moment_calls_nobody_and_keeps_nobody():
    """A caller who hung up would be kept until the next report would have been due."""

    async def scenario():
        ticker, woken = Ticker(), []
        cancelled = Sleeper("cancelled", woken)
        moment, kept = ticker.at(1.0, cancelled), weakref.ref(cancelled)
        ticker.at(1.0, Sleeper("after it", woken))
        moment.cancel()
        del cancelled
        assert kept() is None
        await asyncio.sleep(2)
        return [name for name, *_ in woken]

    with asyncio.Runner(loop_factory=Counting) as runner:
        assert runner.run(scenario()) == ["after it"]


class OneWay(RelayLoop):
    """Has no timers but those of whole ticks, which it counts."""

    timers = 0

    def call_in_ticks(self, delay, callback):
        self.timers += 1
        return super().call_in_ticks(delay, callback)

    def call_at(self, when, callback, *args, context=None):
        raise AssertionError("a step of Python's for each frame")


@pytest.mark.parametrize("ahead", [-1.0, 0.0, 0.0001, 0.0004, 0.0006, 0.0024])
def test_on_the_relays_loop_nobody_is_called_early_nor_by_way_of_python(ahead):
    async def scenario():
        loop, ticker, called = asyncio.get_running_loop(), Ticker(), asyncio.Event()
        when, woken = loop.time() + ahead, []
        ticker.at(when, Sleeper("", woken, lambda now: called.set()))
        await called.wait()
        assert loop.timers == 1, "it was not yet time when the first one fired"
        return woken[0][2] - when

    with asyncio.Runner(loop_factory=OneWay) as runner:
        assert runner.run(scenario()) >= 0.0


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
        known += [ticker.stood_still(1.35), ticker.stood_still(1.49), ticker.stood_still(1.51)]
        return known

    assert virtual_time.run(scenario()) == pytest.approx([0.0, 0.0, 0.25, 0.5, 0.5, 0.5, 0.0])


def test_a_moment_that_was_over_when_it_was_asked_for_is_no_standstill():
    async def scenario():
        loop, ticker = asyncio.get_running_loop(), Ticker()
        await asyncio.sleep(5)
        ticker.at(1.0, Sleeper("", []))
        return ticker.stood_still(loop.time())

    assert virtual_time.run(scenario()) == 0.0


def test_what_is_read_in_a_long_turn_may_have_come_during_the_one_before():
    """Each turn of the loop handles what came while the last one went on: two turns of 50 ms are up to 100 late."""

    async def scenario():
        loop, ticker, known = asyncio.get_running_loop(), Ticker(), []
        ticker.at(1.0, Sleeper("", [], lambda now: ticker.at(1.06, Sleeper("", []))))

        def read():
            known.append(ticker.stood_still(loop.time()))

        loop.arrives(0.99, lambda: loop.spend(0.06))
        loop.arrives(1.051, read)
        for takes_s in (0.055, 0.09):
            loop.arrives(1.055, lambda takes_s=takes_s: loop.spend(takes_s))
            loop.arrives(1.055, read)
        await asyncio.sleep(2)
        return known

    assert busy_time.run(scenario()) == pytest.approx([0.1, 0.1, 0.19])


def test_what_a_task_handles_may_have_waited_for_two_turns():
    """Read in one turn, handled in the next: echoes of marks are, and made a line look 50 ms late that was not."""

    async def scenario():
        loop, ticker, known = asyncio.get_running_loop(), Ticker(), []
        ticker.at(1.0, Sleeper("", [], lambda now: ticker.at(1.06, Sleeper("", []))))
        loop.arrives(0.99, lambda: loop.spend(0.06))
        loop.arrives(1.055, lambda: loop.spend(0.055))
        for when in (1.1105, 1.12, 1.2):
            loop.call_at(when, lambda: known.append(ticker.stood_still(loop.time())))
        await asyncio.sleep(2)
        return known

    assert busy_time.run(scenario()) == pytest.approx([0.2, 0.2, 0.2])


# --- a turn of the loop that takes long ---


def hurried(late_s, ask):
    """When sleepers that `ask` for moments from 1.0 on are called, if one message of a turn is read at 1.0 and the next
    one so much later.
    """

    async def scenario():
        loop, ticker, woken = asyncio.get_running_loop(), Ticker(), []
        ask(ticker, woken)
        loop.arrives(1.0, lambda: loop.spend(late_s))
        loop.arrives(1.0, lambda: (ticker.hurry(loop.time()), loop.spend(0.1)))
        await asyncio.sleep(2)
        return [(name, round(now - 1.0, 6)) for name, _, now in woken], loop.raised

    with asyncio.Runner(loop_factory=BusyCounting) as runner:
        return runner.run(scenario())


class BusyCounting(Counting, BusyLoop):
    """A loop whose work takes time."""


@pytest.mark.parametrize(("late_s", "called_after_s"), [(0.0025, 0.1025), (0.0035, 0.0035)])
def test_who_is_late_goes_before_the_rest_of_what_was_read(late_s, called_after_s):
    """While many agents speak, a turn of the loop takes longer than the lines have in reserve."""
    woken, _ = hurried(late_s, lambda ticker, woken: ticker.at(1.0, Sleeper("frame", woken)))
    assert woken == [("frame", called_after_s)]


def test_who_is_not_late_yet_waits_for_the_end_of_the_turn():
    """What is still to be read may belong into its frame."""

    def ask(ticker, woken):
        ticker.at(1.0, Sleeper("late", woken))
        ticker.at(1.006, Sleeper("not yet", woken))
        ticker.at(1.009, Sleeper("due later", woken))

    woken, _ = hurried(0.008, ask)
    assert woken == [("late", 0.008), ("not yet", 0.108), ("due later", 0.108)]


def test_an_error_of_somebody_late_is_not_one_of_who_is_being_read():
    def ask(ticker, woken):
        ticker.at(1.0, Sleeper("broken", woken, lambda now: 1 / 0))
        ticker.at(1.0, Sleeper("late", woken))

    woken, raised = hurried(0.01, ask)
    assert woken == [("broken", 0.01), ("late", 0.01)]
    assert [type(error) for error in raised] == [ZeroDivisionError]


def test_who_is_called_may_hurry_without_being_called_twice():
    def ask(ticker, woken):
        ticker.at(1.0, Sleeper("first", woken, ticker.hurry))
        ticker.at(1.0, Sleeper("second", woken, ticker.hurry))

    woken, _ = hurried(0.01, ask)
    assert woken == [("first", 0.01), ("second", 0.01)]


def test_each_is_told_its_own_time():
    """Frames that were sent one after the other in 12 ms would otherwise be due in the same millisecond for ever."""

    async def scenario():
        loop, ticker, woken = asyncio.get_running_loop(), Ticker(), []
        for name in "abc":
            ticker.at(1.0, Sleeper(name, woken, lambda now: loop.spend(0.005)))
        await asyncio.sleep(2)
        return [now for _, _, now in woken]

    assert busy_time.run(scenario()) == pytest.approx([1.0, 1.005, 1.01])


@given(st.lists(st.integers(0, 8) | st.none(), max_size=60))
def test_moments_come_in_their_order_and_equal_ones_as_they_were_asked_for(steps):
    """A number: somebody asks for that moment. None: the first one has come."""
    moments, waiting = _Moments(), []
    for number, moment in enumerate(steps):
        if moment is not None:
            moments.add(float(moment), number)
            waiting.append((float(moment), number))
        elif waiting:
            waiting.sort()
            due = moments.take()
            assert (due.when, due.who) == waiting.pop(0)
        assert moments.first == min(waiting, default=(float("inf"),))[0]
        assert len(moments) == len(waiting)
