"""The explorer over 100,000 calls: `make bench-console`. Prints medians; asserts only what the issue promises."""

import json
import statistics
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest

from console.calls.app import PAGE, Explorer
from console.calls.columns import Columns
from console.calls.figures import overview
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.search import Filter, Order, choices, count, page
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.calls.trends import trends
from console.web.local_page import open_page
from tests.support.browser import chromium, needs_chromium, opened
from tests.support.many_calls import NEWEST, records, write_records

pytestmark = [pytest.mark.bench, needs_chromium]

CALLS = 100_000
ROUNDS = 7


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    write_records(store, CALLS)
    source = open_source(f"file:{store}")
    index = Index(source.name, tmp_path_factory.mktemp("index"))
    refresh = Refresh(source, index)
    print()
    assert told("first index, cold", refresh.run, rounds=1) == CALLS
    assert told("index again, nothing new", refresh.run) == 0
    [one] = records(1)
    (store / "logs" / "new.json").write_text(json.dumps({**one, "call_sid": "new"}))
    assert told("index again, one new call", refresh.run, rounds=1) == 1
    print(f"  {'index file':40} {index.path.stat().st_size / 1e6:8.0f} MB")
    return Explorer(source, index, refresh, Sounds(source, store))


def told(what, work, rounds=ROUNDS):
    """Run it, print the median, return its result."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        took.append((time.perf_counter() - began) * 1000)
    print(f"  {what:40} {statistics.median(took):8.1f} ms")
    return result


QUESTIONS = {
    "all": Filter(),
    "one agent": Filter(agent="billing"),
    "a word": Filter(text="bill"),
    "a number": Filter(text="43210"),
}


def test_questions(world):
    with world.index.reading() as connection:
        for name, wanted in QUESTIONS.items():
            told(f"first page, {name}", lambda wanted=wanted: page(connection, wanted, Order.NEWEST, ""))
            told(f"how many, {name}", lambda wanted=wanted: count(connection, wanted))
        told("choices", lambda: choices(connection))
        told("a part of a number", lambda: page(connection, Filter(text="98765 43"), Order.NEWEST, ""))
        told("columns, from nothing", lambda: Columns().followed(connection))
        columns = world.index.columns(connection)
        told("columns, nothing new", lambda: world.index.columns(connection))
        month = Filter(first_day=NEWEST.date() - timedelta(days=29), last_day=NEWEST.date())
        for name, wanted in {
            "": month,
            ", a word": replace(month, text="bill"),
            ", one agent": replace(month, agent="billing"),
        }.items():
            told(
                f"overview of thirty days{name}",
                lambda wanted=wanted: overview(connection, columns, wanted, date.today()),
            )
            told(f"trends of thirty days{name}", lambda wanted=wanted: trends(connection, columns, wanted))


async def test_first_page_in_the_browser(world):
    took = []
    async with open_page(PAGE, world.routes()) as url, chromium() as browser:
        for _ in range(ROUNDS + 1):
            async with opened(browser, "about:blank") as watched:
                began = time.perf_counter()
                await watched.page.goto(f"{url}#/calls")
                await watched.page.get_by_role("row").nth(50).wait_for()
                took.append((time.perf_counter() - began) * 1000)
    print(f"\n  {'address to fifty rows on the screen':40} {statistics.median(took[1:]):8.1f} ms")
    assert statistics.median(took[1:]) <= 1000
