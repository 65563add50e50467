"""Moments in which the core is full, because many agents happen to speak: what becomes of the frames of all calls.

The work of forty calls takes what that of 200 takes on a machine: three quarters of the core.
"""

import asyncio

import pytest

from tests.unit.relay.busy_relay import PIECE_S, Work, told

CALLS = 40
WORK = Work(frame_s=0.0002, caller_s=0.00022, piece_s=0.0012)
SETTLED_S, TOGETHER_S = 12.0, 0.1


def percentile(values, percent):
    return values[min(len(values) - 1, len(values) * percent // 100)]


@pytest.fixture(scope="module")
def relay():
    """Every agent speaks in the first seconds and in the last ones, 24 of 40 at almost the same time in between."""

    async def story(relay):
        for number, call in enumerate(relay.calls):
            for turn in (0, 1, 3):
                call.speak(SETTLED_S + 4 * turn + 4 * number / CALLS, 1.0)
        for number, call in enumerate(relay.calls[:24]):
            call.speak(SETTLED_S + 8 + TOGETHER_S * number / 24)
        await asyncio.sleep(SETTLED_S + 16)

    return told(story, CALLS, WORK)


def test_the_work_is_that_of_a_busy_relay(relay):
    assert 0.6 < WORK.load(CALLS) < 0.7
    at_once = WORK.load(CALLS) + 24 * WORK.piece_s / (PIECE_S / 5)
    assert at_once > 1.1, "the core is full while they speak"
    late = relay.caller_waits(since=SETTLED_S + 8)
    assert late[-1] > 0.05, "what waits, waits for long"


def test_frames_go_before_what_came_and_there_are_no_holes(relay):
    """A turn of the loop handled all that could be read, and then every frame was late: 124 holes, 2.7 s in all."""
    assert relay.holes() == []


def test_callers_are_heard_as_soon_as_in_a_quiet_relay_before_and_after(relay):
    """The lead of all calls rose to what that moment needed, 174 ms, and fell by a millisecond a second."""
    for since, until in ((SETTLED_S, SETTLED_S + 8), (SETTLED_S + 12, SETTLED_S + 16)):
        waits = sorted(wait for call in relay.calls for when, wait in call.waits if since <= when < until)
        assert len(waits) >= CALLS
        assert percentile(waits, 50) <= 0.045
        assert waits[-1] <= 0.065
    assert {round(call.pacer._lead.seconds, 3) for call in relay.calls} == {0.06}


def test_a_standstill_is_held_against_no_line(relay):
    """50 ms, and then 50 more of what came meanwhile. All frames are late then, and all callers', and all echoes."""

    async def story(relay):
        await asyncio.sleep(SETTLED_S)
        relay.loop.spend(0.05)
        await asyncio.sleep(5)
        assert {round(call.pacer._lead.seconds, 3) for call in relay.calls} <= {0.102, 0.103}
        await asyncio.sleep(6)
        assert {round(call.pacer._lead.seconds, 3) for call in relay.calls} == {0.06}

    stood = told(story, CALLS, WORK)
    assert max(stood.holes()) <= 0.03 + 0.006, "the floor has 20 ms in reserve"
    assert len(stood.holes()) <= CALLS


def test_after_a_standstill_each_line_gets_a_frame_before_any_gets_a_second(relay):
    """The lead had risen for all: the first calls got eight frames each, while the last lines were still dry."""

    async def story(relay):
        await asyncio.sleep(SETTLED_S)
        relay.stands_at = relay.loop.time() + 0.3
        relay.loop.spend(0.3)
        await asyncio.sleep(2)

    stood = told(story, CALLS, WORK)
    since = sorted((at, number) for number, call in enumerate(stood.calls) for at in call.sent_at)
    first = [number for at, number in since if at >= stood.stands_at][:CALLS]
    assert sorted(first) == list(range(CALLS))
    assert {round(call.pacer._lead.seconds, 3) for call in stood.calls} == {0.4}


def test_frames_are_spread_after_a_standstill_as_before(relay):
    """All lines ran dry, so all frames were sent in the same moment, and would be from then on."""

    async def story(relay):
        await asyncio.sleep(SETTLED_S)
        relay.loop.spend(0.2)
        await asyncio.sleep(2)

    stood = told(story, CALLS, WORK)
    sent = sorted(at for call in stood.calls for at in call.sent_at if at > SETTLED_S + 1.2)
    apart = [later - earlier for earlier, later in zip(sent, sent[1:], strict=False)]
    assert min(apart) >= WORK.frame_s - 1e-9


def test_calls_that_begin_in_a_full_core_are_heard_in_time_once_it_is_not(relay):
    """All first echoes had waited to be read, so the way of each line seemed long, and then each line early."""

    async def story(relay):
        relay.loop.arrives(0.55, lambda: relay.loop.spend(0.3))
        for number in range(300):  # something else takes a third of the core for six seconds
            relay.loop.arrives(0.6 + number * 0.02, lambda: relay.loop.spend(0.0066))
        await asyncio.sleep(16 - relay.loop.time())
        for number, call in enumerate(relay.calls):
            call.speak(16 + 2 * number / CALLS, 1.0)
        await asyncio.sleep(4)

    began = told(story, CALLS, WORK)
    late = sorted(wait for call in began.calls for when, wait in call.caller_waits if 1 <= when < 6)
    assert percentile(late, 10) > 0.05, "the core is full"
    waits = began.waits(since=16)
    assert len(waits) == CALLS
    assert waits[-1] <= 0.065
