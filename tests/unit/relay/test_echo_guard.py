"""How often a line is searched for the agent's echo: each search costs half a millisecond of the event loop."""

import asyncio

import pytest

from relay.audio.echo import Echo
from relay.line.echo_guard import EchoGuard, EchoPool
from relay.logs import CallLog
from tests.support.virtual import virtual

RATE = 8000
FRAME = bytes(320)
FOUND = Echo(0.2, -20.0)


class Meter:
    """Takes the place of EchoMeter: finds `result` in whatever it is shown. `looked_at`, `asked_at`: when."""

    suspected = None
    in_doubt = False

    def __init__(self, result=None, *, settled=False, worth=True):
        self.result, self.settled, self._worth = result, settled, worth
        self.echo = None
        self.looked_at, self.asked_at, self.forgot = [], [], 0

    def sides(self, played, heard, end):
        return (end,)

    def forget(self):
        self.forgot += 1

    def worth_a_look(self, end, *, early):
        self.asked_at.append(end / RATE)
        return self._worth

    def look(self, end, *, early):
        self.looked_at.append(end / RATE)
        self.echo = self.result
        return self.result


async def guarded(meter, seconds, *, speech_s=1000.0, mode="auto"):
    """A line on which the agent speaks for `speech_s`; nobody else has a place for a gate."""
    guard = EchoGuard(RATE, mode, EchoPool(0), CallLog("c", "s"))
    guard._meter = meter
    loop = asyncio.get_running_loop()
    for number in range(round(seconds * 50)):
        now = loop.time()
        guard.played(FRAME, now, speech=number * 0.02 < speech_s)
        assert await guard.heard(FRAME, now + 0.02) == FRAME
        await asyncio.sleep(0.02)
    return meter.looked_at


def pauses(looked_at):
    return [round(later - earlier, 2) for earlier, later in zip(looked_at, looked_at[1:], strict=False)]


@virtual
async def test_an_echo_that_is_where_it_was_is_looked_for_every_five_seconds():
    looked_at = await guarded(Meter(FOUND, settled=True), 30)
    assert set(pauses(looked_at)) == {5.0}


@virtual
async def test_an_echo_that_moves_is_followed_closely():
    looked_at = await guarded(Meter(FOUND), 5)
    assert set(pauses(looked_at)) == {0.1}


@virtual
async def test_a_line_without_an_echo_is_searched_eagerly_at_first_and_seldom_later():
    """So that the agent does not interrupt itself with its first words, and a clean line costs next to nothing."""
    meter = Meter()
    found = pauses(await guarded(meter, 40))
    assert found[:11] == [0.04] * 11
    assert set(found[11:23]) == {0.12}
    assert set(found[23:29]) == {1.0}
    assert set(found[29:]) == {5.0}
    assert meter.forgot == len(found) - 28, "between two searches this far apart no sound is kept"


@virtual
async def test_what_is_not_worth_a_look_is_not_searched_but_asked_as_often():
    """It uses up less of the eager searches: an echo of the first words may come a second after them."""
    meter = Meter(worth=False)
    assert await guarded(meter, 40) == []
    asked = pauses(meter.asked_at)
    assert asked[:35] == [0.04] * 35
    assert set(asked[35:59]) == {0.12}
    assert set(asked[59:65]) == {1.0}
    assert set(asked[65:]) == {5.0}
    assert meter.forgot == len(asked) - 64


@pytest.mark.parametrize(("result", "speech_s", "last"), [(FOUND, 2.0, 2.5), (None, 0.5, 1.8)])
@virtual
async def test_after_the_agent_s_words_there_is_nothing_to_search_for(result, speech_s, last):
    """An echo comes after its delay, or within a second if that is unknown, and a room answers a little longer."""
    looked_at = await guarded(Meter(result), 10, speech_s=speech_s)
    assert last - 0.15 < looked_at[-1] <= last + 0.02


@virtual
async def test_a_guard_that_is_off_searches_for_nothing():
    assert await guarded(Meter(FOUND), 3, mode="off") == []
