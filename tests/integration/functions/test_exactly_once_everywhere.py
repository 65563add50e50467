"""What tests/unit/functions/test_exactly_once.py shows in memory: on every store, and among processes that race."""

import subprocess
import sys

import pytest

from functions.common.store import open_store
from tests.support import calls
from tests.support.history import FIRST, deliver, in_order, kept, records, shuffled
from tests.support.memory_store import MemoryStore
from tests.support.processes import BARE, ROOT


@pytest.fixture(scope="module")
def model():
    store = MemoryStore()
    for delivery in in_order():
        deliver(delivery, store)
    return store


def test_any_order_any_number_any_crash(store, model):
    for delivery in shuffled(1, most=2, deaths=True):
        deliver(delivery, store)
    assert records(store) == records(model)
    assert kept(store) == kept(model)


def test_processes_that_race_and_one_that_is_killed(place, model):
    """Each delivers everything, in an order of its own; one dies in the middle of what it is just doing."""
    url, environment = place
    store = open_store(url)
    for delivery in in_order()[: 1 + len(FIRST)]:  # whom an answer names goes by what is known when Exotel asks
        deliver(delivery, store)
    command = [sys.executable, "-m", "tests.support.history", url]
    racing = [
        subprocess.Popen(
            [*command, str(seed)], cwd=ROOT, env={**BARE, **environment}, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for seed in range(3)
    ]
    victim = racing[0]
    assert victim.stdout is not None
    for _ in range(4):
        assert victim.stdout.readline()
    victim.kill()
    for process in racing[1:]:
        process.communicate(timeout=120)
    victim.communicate(timeout=10)
    assert [process.returncode for process in racing[1:]] == [0, 0]
    assert records(store) == records(model)
    assert kept(store) == kept(model)
    for later in (10, 1000, 5000):
        calls.webhook_app(store, lambda later=later: calls.NOW + later).sweep()
    assert records(store) == records(model)
    assert not list(store.keys("pending/"))
