"""Waiting has a bounded cost: a hundred whose webhooks are late must not take the processor from one decided."""

from contextlib import ExitStack

import pytest

from functions.transfer.waiting import LOOKS_A_SECOND, SHORTEST_S, Waiting
from tests.support import calls
from tests.unit.functions.test_connect import World


@pytest.mark.parametrize("count", [1, 5, 20, 100, 400])
def test_together_they_look_a_bounded_number_of_times(count):
    waiting = Waiting()
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(waiting.one_more())
        assert waiting.pause_s >= SHORTEST_S
        assert count / waiting.pause_s <= max(LOOKS_A_SECOND, 1 / SHORTEST_S)
    assert waiting.pause_s == SHORTEST_S


def test_a_request_sleeps_as_long_as_the_others_make_it():
    world = World()
    world.tell(calls.started(), calls.ended())
    with ExitStack() as stack:
        for _ in range(119):
            stack.enter_context(world.transfer._waiting.one_more())
        assert world.connect().status == 503
    assert world.clock.naps[:2] == [1.5, 1.5]
    assert world.waited == pytest.approx(4)  # the deadline stays
    world.connect()
    assert world.clock.naps[-2] == SHORTEST_S


def test_one_that_fails_waits_no_more():
    world = World()
    world.tell(calls.started(), calls.ended())
    world.clock.at(calls.NOW + 1, lambda: setattr(world.store, "keys", None))
    assert world.connect().status == 503
    assert world.transfer._waiting.pause_s == SHORTEST_S
    assert world.transfer._waiting._count == 0
