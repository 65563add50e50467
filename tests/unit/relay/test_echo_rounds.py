"""Searches of several calls in one go: none is later for it, nor knows less."""

import numpy as np

from relay.events.records import Quality
from relay.line.echo_guard import EchoGuard
from relay.line.echo_pool import EchoPool
from relay.line.echo_rounds import EchoRounds
from relay.logs import CallLog
from tests.support.virtual import virtual
from tests.unit.relay.test_echo_guard import RATE, Meter

LOUD, QUIET = (np.full(160, level, np.int16).tobytes() for level in (3000, 20))


class Waiting:
    """One that joins."""

    def __init__(self, done: list["Waiting"], *, fails: bool = False) -> None:
        self._done, self._fails = done, fails

    def catch_up(self) -> None:
        self._done.append(self)
        if self._fails:
            raise ValueError


def test_those_that_wait_longest_go_first_and_one_s_error_is_not_the_others():
    rounds, done = EchoRounds(), []
    waiting = [Waiting(done, fails=number == 1) for number in range(6)]
    for who in waiting:
        rounds.join(who)
        rounds.join(who)
    rounds.leave(waiting[0])
    rounds.leave(waiting[0])
    rounds.go()
    assert done == waiting[1:4], "a search takes the loop a quarter of a millisecond"
    rounds.go()
    assert done == waiting[1:]
    rounds.go()
    assert len(done) == 5


class Seen(Meter):
    """Remembers whether both sides of each search were there."""

    def sides(self, played, heard, end):
        self.whole.append(bool(heard.read(end - RATE, RATE).all() and played.read(end - 2 * RATE, 2 * RATE).all()))
        return (end,)


def together(*starts, seconds=48, closed_at=None):
    """When the lines are searched of calls on one relay that begin at these moments."""
    pool, calls = EchoPool(0), []
    for start in starts:
        guard = EchoGuard(RATE, "auto", pool, CallLog("c", "s"))
        guard._meter = Seen()
        guard._meter.whole = []
        calls.append((start, guard))
    for number in range(seconds * 50):
        now = 100 + number * 0.02
        for start, guard in calls:
            if now < 100 + start:
                continue
            if guard is calls[-1][1] and closed_at is not None and number * 0.02 >= closed_at:
                guard.close(Quality())
                continue
            guard.played(LOUD, now, speech=True)
            frame = QUIET if number % 8 < 3 else LOUD
            assert guard.heard(frame, now + 0.02) == frame
    return [[round(at - 100 - start, 2) for at in guard._meter.looked_at] for start, guard in calls], calls


@virtual
async def test_alone_a_line_is_searched_when_it_is_time():
    (alone,), _ = together(0.0)
    assert [round(later - earlier, 2) for earlier, later in zip(alone[13:], alone[14:], strict=False)] == [5, 10, 15]


@virtual
async def test_searches_that_are_nearly_due_are_made_with_the_next_one_and_miss_nothing():
    """Two calls, the second of which began 60 ms later: its seldom searches are made with those of the first."""
    (alone,), _ = together(0.0)
    (first, second), calls = together(0.0, 0.06)
    assert first[:15] == alone[:15]
    assert second[:14] == alone[:14], "the first ones wait for nobody"
    assert round(alone[14] - second[14], 2) == 0.08, "its latest frame came 20 ms before"
    for looked_at in (first, second):
        for nominal, earlier, later in zip((5, 10, 15), looked_at[13:], looked_at[14:], strict=False):
            assert nominal - 0.1 <= round(later - earlier, 2) <= nominal
    assert all(whole for _, guard in calls for whole in guard._meter.whole[14:]), "a full second, and one before it"


@virtual
async def test_searches_that_are_further_apart_are_made_apart():
    (alone,), _ = together(0.0)
    assert together(0.0, 1.5)[0] == [alone, alone]


@virtual
async def test_a_call_that_has_ended_is_not_searched_for_others():
    """It ends while it waits for the first one's search, 40 ms later."""
    (first, second), _ = together(0.0, 0.06, seconds=10, closed_at=8.62)
    assert (first[-1], len(first), len(second)) == (8.66, 15, 14)
