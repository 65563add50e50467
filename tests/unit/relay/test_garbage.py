"""Full collections wait until no call goes on, or until much may have been left behind."""

import asyncio
import gc
import weakref

import pytest

from relay.garbage import LATEST, MOST_LEFT, SOONEST, Garbage
from sim import virtual_time


class Knot:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def full():
    """Counts full collections, without those that Python would begin by chance."""
    counted = []

    def count(phase, info):
        if phase == "start" and info["generation"] == 2:
            counted.append(True)

    gc.disable()
    gc.callbacks.append(count)
    yield counted
    gc.callbacks.remove(count)
    gc.enable()


class Sockets:
    """Of a relay."""

    open_now = closed = 0

    def garbage(self) -> Garbage:
        return Garbage(lambda: self.open_now, lambda: self.closed)


def test_what_a_call_left_is_freed_once_no_call_goes_on(full):
    sockets = Sockets()
    garbage = sockets.garbage()
    knot = weakref.ref(Knot())
    sockets.open_now, sockets.closed = 1, 1
    garbage.look()
    assert knot() is not None
    assert not full
    sockets.open_now = 0
    garbage.look()
    assert knot() is None
    assert len(full) == 1


def test_nothing_is_looked_for_while_nothing_ended(full):
    """A relay that takes no calls would collect every second for nothing."""
    sockets = Sockets()
    garbage = sockets.garbage()
    sockets.closed = 1
    for _ in range(5):
        garbage.look()
    assert len(full) == 1


@pytest.mark.parametrize(
    ("left", "apart"),
    [(0, LATEST), (MOST_LEFT // SOONEST // 5, 5 * SOONEST), (MOST_LEFT // SOONEST * 5, SOONEST)],
    ids=["nothing", "little", "much"],
)
def test_a_relay_that_always_has_calls_collects_the_less_often_the_less_they_leave(monkeypatch, left, apart):
    """All calls stand still for it: for 65 ms with 200 of them."""
    sockets, collected_after = Sockets(), []
    garbage = sockets.garbage()

    def collect():
        ended = sockets.closed - (collected_after[-1] if collected_after else 0)
        collected_after.append(sockets.closed)
        return left * ended

    monkeypatch.setattr(gc, "collect", collect)
    sockets.open_now = 1
    for closed in range(SOONEST + 2 * apart + 1):
        sockets.closed = closed
        garbage.look()
    assert collected_after == [SOONEST, SOONEST + apart, SOONEST + 2 * apart]


def test_what_a_few_calls_left_does_not_decide_when_many_are_looked_at(monkeypatch):
    """The last call before a quiet minute had an error: the next busy hour is not to pay for it."""
    sockets, found = Sockets(), []
    garbage = sockets.garbage()
    monkeypatch.setattr(gc, "collect", lambda: found.append(sockets.closed) or 0)
    sockets.open_now, sockets.closed = 1, SOONEST
    garbage.look()  # nothing was left: the next look is late
    monkeypatch.setattr(gc, "collect", lambda: found.append(sockets.closed) or 10 * MOST_LEFT)
    sockets.open_now, sockets.closed = 0, SOONEST + 1
    garbage.look()
    sockets.open_now = 1
    for closed in range(SOONEST + 1, SOONEST + LATEST + 1):
        sockets.closed = closed
        garbage.look()
    assert found == [SOONEST, SOONEST + 1]


def test_python_itself_collects_everything_seldom_and_nothing_from_the_start():
    """Python's own rule is a full collection for each quarter of the objects that is new."""
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        Sockets().garbage().begin()
        assert gc.get_threshold() == (5_000, 3, 300)
        assert gc.get_freeze_count() > frozen
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


def test_it_looks_every_second(full):
    async def scenario():
        sockets = Sockets()
        looking = asyncio.create_task(sockets.garbage().run())
        await asyncio.sleep(10.5)
        sockets.closed = 1
        await asyncio.sleep(0.4)
        counted = [len(full)]
        await asyncio.sleep(0.2)
        looking.cancel()
        return [*counted, len(full)]

    assert virtual_time.run(scenario()) == [0, 1]
