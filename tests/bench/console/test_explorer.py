"""The explorer over 100,000 calls: `make bench-console`. Prints medians; asserts only what the issue promises."""

import asyncio
import json
import statistics
import time
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import make_mocked_request

from console.calls.app import PAGE, Explorer
from console.calls.columns import Columns
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.sound import Sounds
from console.calls.source import open_source
from console.web.local_page import open_page
from tests.support.browser import chromium, needs_chromium, opened
from tests.support.many_calls import NEWEST, records, write_records

pytestmark = [pytest.mark.bench, needs_chromium]

CALLS = 100_000
ROUNDS = 7
MOST_MS = 200
TOOK: dict[str, float] = {}


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
    """Run it, print the medians of the time that passed and of the CPU's, return its result."""
    took, cpu = [], []
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        result = work()
        took.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - began_cpu) * 1000)
    print(f"  {what:44} {statistics.median(took):8.1f} ms {statistics.median(cpu):8.1f} ms of CPU")
    TOOK[what] = statistics.median(took)
    return result


def test_parts(world):
    with world.index.reading() as connection:
        told("columns, from nothing", lambda: Columns().followed(connection))
        told("columns, nothing new", lambda: world.index.columns(connection))


MONTH = {"first_day": (NEWEST.date() - timedelta(days=29)).isoformat(), "last_day": NEWEST.date().isoformat()}
FILTERS = {
    "": {},
    "thirty days": MONTH,
    "one agent": {"agent": "billing"},
    "a tag": {"tag": "vip"},
    "a look-up": {"lookup": "timeout"},
    "a criterion": {"criterion": "answered=failure"},
    "a version": {"agent_version": "agtvrsn_7"},
    "an end": {"end_reason": "line_lost"},
    "all failures": {"cause": "any"},
    "not failed, not transferred": {"cause": "-", "transfer": "-"},
    "all transferred": {"transfer": "any"},
    "judged successful": {"success": "success"},
    "a called number": {"called": "+918047100002"},
    "an hour": {"hour": "9"},
    "a length": {"min_s": "20", "max_s": "40"},
    "waiting": {"waiting": "1"},
    "taken over": {"failover": "1"},
    "damaged": {"unreadable": "1"},
    "a word": {"text": "bill"},
    "two words": {"text": "charged twice"},
    "a part of a number": {"text": "98765 43"},
    "four digits": {"text": "43210"},
    "a month's tag of an agent": {**MONTH, "tag": "vip", "agent": "billing"},
}
CLICKS = {
    "status": {"the choices, at each look": {}},
    "calls": {**FILTERS, **{f"order {order}": {"order": order} for order in ("oldest", "longest", "interrupted")}},
    "overview": FILTERS,
    "trends": {
        **FILTERS,
        "before and after a day": {"pivot": "2026-11-12"},
        "a version and the one before": {"pivot_version": "agtvrsn_8"},
        "a version, of an agent's tag": {"pivot_version": "agtvrsn_8", "tag": "vip", "agent": "billing"},
    },
}
"""Every question of the start page, the list and the trends."""


def test_every_click(world):
    """As the page asks, JSON with it: what a click costs but for the browser's part."""
    handlers = {route.path.removeprefix("/api/"): route.handler for route in world.routes()}
    slow = {}
    for path, questions in CLICKS.items():
        for name, query in questions.items():
            request = make_mocked_request("GET", f"/api/{path}?{urlencode(query)}")
            what = f"{path}, {name}" if name else path
            answer = told(what, lambda request=request, path=path: asyncio.run(handlers[path](request)))
            assert answer.status == 200
            if TOOK[what] > MOST_MS:
                slow[what] = TOOK[what]
    assert not slow, f"more than {MOST_MS} ms: {slow}"


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
