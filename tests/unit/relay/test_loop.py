"""No deadline fires early, so nobody has to wait for it again and again."""

import asyncio

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from relay import process as start
from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.playout import Playout
from relay.events.records import Quality
from relay.line import exotel
from relay.line.framing import Framing
from relay.line.pacer import Pacer
from relay.loop import RelayLoop, WholeTicks
from relay.settings import Settings
from relay.whole_tick import whole_tick
from sim.virtual_time import VirtualTimeLoop
from tests.unit.relay.taped_line import TapedLine
from tests.unit.relay.tone import noise

_SPINS = 100_000


class SpinningError(Exception):
    """Raised once; the loop can then be closed."""


class LikeUvloop(VirtualTimeLoop):
    """Virtual time that passes in whole milliseconds, with timers that are rounded to the nearest, as uvloop's are."""

    def __init__(self) -> None:
        super().__init__()
        self.iterations = 0

    def time(self) -> float:
        return int(super().time() * 1000 + 1e-6) / 1000

    def call_later(self, delay, callback, *args, context=None):
        rounded = round(delay * 1000) / 1000
        return super().call_at(self.time() + rounded, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        return self.call_later(when - self.time(), callback, *args, context=context)

    def _run_once(self):
        self.iterations += 1
        if self.iterations == _SPINS:
            raise SpinningError
        super()._run_once()


class Rounded(WholeTicks, LikeUvloop):
    """What a relay runs on, in virtual time."""


@given(st.floats(0, 1e7))
def test_a_whole_tick_is_not_before_the_moment_and_not_a_millisecond_later(moment):
    assert moment <= whole_tick(moment) <= moment + 0.0011


@pytest.mark.parametrize("moment", [0.0, 0.04, 0.41, 86_400.123, 12_345.678])
def test_a_whole_tick_stays_where_it_is(moment):
    assert whole_tick(moment) == moment


def test_what_a_sum_of_floats_leaves_counts_as_a_tick_more():
    """A deadline that lies 5e-17 s behind the clock is not over: who looks at it then would wait for it again."""
    assert 0.1 + 0.31 > 0.41
    assert whole_tick(0.1 + 0.31) == 0.411


def test_uvloop_itself_is_early():
    """Why all this: when it no longer is, `WholeTicks` can go."""

    async def early_by() -> float:
        loop = asyncio.get_running_loop()
        fired = loop.create_future()
        when = loop.time() + 2.4e-3
        loop.call_at(when, lambda: fired.set_result(when - loop.time()))
        return await fired

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert max(runner.run(early_by()) for _ in range(20)) > 0.0003


@pytest.mark.parametrize("ahead", [0.0001, 0.0004, 0.0006, 0.0024])
@pytest.mark.parametrize("way", ["call_at", "call_later", "sleep", "timeout_at", "timeout"])
def test_no_deadline_fires_early_whatever_waits_for_it(ahead, way):
    async def waited() -> float:
        loop = asyncio.get_running_loop()
        when = loop.time() + ahead
        if way in {"call_at", "call_later"}:
            fired = loop.create_future()
            getattr(loop, way)(when if way == "call_at" else ahead, fired.set_result, None)
            await fired
        elif way == "sleep":
            await asyncio.sleep(ahead)
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout_at(when) if way == "timeout_at" else asyncio.timeout(ahead):
                    await loop.create_future()
        return loop.time() - when

    with asyncio.Runner(loop_factory=RelayLoop) as runner:
        assert runner.run(waited()) >= -1e-9


def test_the_relay_runs_on_it(monkeypatch):
    """And with it all that waits in one: no timer has to be rounded where it is set."""
    loops = []

    async def serve(settings):
        loops.append(asyncio.get_running_loop())

    monkeypatch.setattr(start, "serve", serve)
    monkeypatch.setattr(start, "configure", lambda level: None)
    monkeypatch.setattr(start.Settings, "from_env", lambda environ: Settings())
    assert start.main() == 0
    assert [type(loop) for loop in loops] == [RelayLoop]


def iterations_of_an_idle_minute(loop_factory) -> tuple[int, int]:
    """(turns of the loop, messages sent) of a call in which nobody speaks, over ambience.

    The call begins at an uneven moment: its deadlines lie between the ticks.
    """

    async def scenario() -> tuple[int, int]:
        line = TapedLine()
        ambience = AmbienceTrack(Loop(noise(16_000, seed=99), 8000), 0.5)
        loop = asyncio.get_running_loop()
        loop._jumping.now += 0.0104
        pacer = Pacer(
            line,
            exotel.Encoder("s1", 8000),
            Playout(ambience),
            Framing(8000, 800, 800, 0.2),
            quality=Quality(),
            on_heard=lambda *news: None,
        )
        running = pacer.begin()
        before = loop.iterations
        await asyncio.sleep(60)
        running.cancel()
        return loop.iterations - before, len(line.messages)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(scenario())


def test_an_idle_minute_of_a_call_wakes_the_loop_twice_a_frame():
    """Once for the timer, once for all frames that are due. It was some hundred times: each deadline fired early, and
    the pacer looked, saw that it was not yet time, and asked for the same moment again."""
    turns, messages = iterations_of_an_idle_minute(Rounded)
    assert messages >= 600
    assert turns <= 2 * messages + 10


async def looking_again() -> int:
    """Wait for a moment between two ticks as the pacer did: look, wait, look again. Returns the turns it took."""
    loop = asyncio.get_running_loop()
    loop._jumping.now += 0.0104
    before, moment = loop.iterations, loop.time() + 0.0503
    while loop.time() < moment:  # noqa: ASYNC110 - what is tried here
        await asyncio.sleep(moment - loop.time())
    return loop.iterations - before


def test_a_repeated_look_reads_once():
    with asyncio.Runner(loop_factory=Rounded) as runner:
        assert runner.run(looking_again()) <= 4


def test_without_whole_ticks_a_loop_that_checks_the_time_spins():
    """The test above can fail."""
    with pytest.raises(SpinningError), asyncio.Runner(loop_factory=LikeUvloop) as runner:
        runner.run(looking_again())
