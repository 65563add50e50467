"""Waiting for relays to take a version up: who serves it, who refuses it, who has gone."""

import pytest

from console.agents.waiting import wait
from functions.common.relays_seen import WRITTEN_EVERY_S, Seen, note
from tests.support.calls import NOW, Clock
from tests.support.memory_store import MemoryStore

OLD, NEW = "7-3fa9c1d02b6e", "8-000000000000"


class Waiting:
    def __init__(self):
        self.store, self.clock, self.said = MemoryStore(), Clock(), []

    def relay(self, name: str, serving: str, refused: str = "", problem: str = "") -> None:
        note(self.store, Seen(name, serving, refused, problem, 30.0, self.clock()))

    def wait(self, patience_s: float = 180) -> bool:
        return wait(
            self.store, NEW, patience_s=patience_s, say=self.said.append, clock=self.clock, sleep=self.clock.sleep
        )


@pytest.fixture
def waiting():
    return Waiting()


def test_it_ends_when_the_last_one_serves_it(waiting):
    waiting.relay("r-1", OLD)
    waiting.relay("r-2", NEW)
    waiting.clock.at(NOW + 20, lambda: waiting.relay("r-1", NEW))
    assert waiting.wait()
    assert waiting.said == ["  r-2 serves it", "  r-1 serves it"]
    assert 20 <= waiting.clock() - NOW < 24


def test_a_relay_that_refuses_it_is_named_with_its_reason_and_the_others_are_waited_for(waiting):
    waiting.relay("r-1", OLD, NEW, "SHOP_TOKEN is not set")
    waiting.relay("r-2", OLD)
    waiting.clock.at(NOW + 20, lambda: waiting.relay("r-2", NEW))
    assert not waiting.wait()
    assert waiting.said == [
        "  r-2 serves it",
        f"  r-1 refuses it and keeps serving {OLD}: SHOP_TOKEN is not set",
        "Calls continue with what each relay serves. Push a corrected version, or roll back: make agents-rollback.",
    ]


def test_what_was_refused_before_counts_for_nothing(waiting):
    waiting.relay("r-1", NEW, OLD, "it was bad")
    assert waiting.wait()


def test_a_relay_that_refused_the_version_before_is_waited_for(waiting):
    """A mended version is pushed: what was wrong with the broken one is no verdict on it."""
    waiting.relay("r-1", "6-111111111111", OLD, "SHOP_TOKEN is not set")
    waiting.clock.at(NOW + 20, lambda: waiting.relay("r-1", NEW))
    assert waiting.wait()
    assert waiting.said == ["  r-1 serves it"]


def test_a_relay_that_was_stopped_is_waited_for_until_it_counts_as_gone(waiting):
    waiting.relay("r-1", OLD)
    waiting.relay("r-2", NEW)
    waiting.clock.at(NOW + 100, lambda: waiting.relay("r-2", NEW))
    waiting.clock.at(NOW + WRITTEN_EVERY_S, lambda: waiting.relay("r-2", NEW))
    assert waiting.wait(patience_s=400)
    assert waiting.clock() - NOW >= WRITTEN_EVERY_S + 90


def test_waiting_for_relays_ends_after_the_given_time(waiting):
    waiting.relay("r-1", OLD)
    assert not waiting.wait(patience_s=60)
    assert waiting.said == [f"  r-1 has not switched to it after 60 s and still serves {OLD}"]
    assert 60 <= waiting.clock() - NOW < 64


def test_where_no_relay_is_nobody_is_waited_for(waiting):
    assert waiting.wait()
    assert waiting.said == ["No relay has asked for agents in the last minutes: those that start will get it."]
    assert waiting.clock() == NOW
