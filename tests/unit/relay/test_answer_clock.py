"""How long a caller may wait for an answer: one moment, asked for again only when it comes."""

import asyncio

import pytest

from relay.call.answer_clock import AnswerClock
from relay.line.ticker import Ticker
from tests.support.virtual import virtual


class Late:
    def __init__(self, answer_s=3.0):
        self.loop = asyncio.get_running_loop()
        self.told = []
        self.ticker = Ticker()
        self.clock = AnswerClock(self.ticker, None, answer_s, self.late)
        self.began = self.loop.time()

    def late(self, reason, detail):
        self.told.append((reason, self.loop.time()))

    @property
    def after(self):
        """Seconds until each report."""
        return [pytest.approx(at - self.began, abs=0.005) for _, at in self.told]


@virtual
async def test_a_caller_who_waits_again_has_the_whole_time_again():
    late = Late()
    late.clock.caller_waits()
    await asyncio.sleep(1)
    late.clock.agent_heard()
    await asyncio.sleep(1)
    late.clock.caller_waits()
    await asyncio.sleep(30)
    assert late.after == [5.0]
    assert late.told[0][0] == "no_answer"


@virtual
async def test_a_caller_who_waits_after_an_early_end_of_the_timer_has_the_whole_time():
    late = Late()
    late.clock.caller_waits()
    late.clock.caller_speaks()
    await asyncio.sleep(10)
    assert late.told == []
    late.clock.caller_waits()
    await asyncio.sleep(30)
    assert late.after == [13.0]


@virtual
async def test_signs_in_a_row_ask_for_one_moment():
    late = Late()
    made = []
    at = late.ticker.at
    late.ticker.at = lambda when, who: made.append(when) or at(when, who)
    for _ in range(5):
        late.clock.caller_waits()
        late.clock.agent_heard()
    assert len(made) == 1


@virtual
async def test_an_agent_that_is_gone_is_not_late():
    late = Late()
    late.clock.caller_waits()
    late.clock.stop()
    await asyncio.sleep(30)
    assert late.told == []
    assert late.clock._answer is None
