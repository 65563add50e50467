"""What the page may ask, and what it may want done."""

import json
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from common import layout
from common.documents import encode
from console.live import hand
from console.live.app import PAGE, Live
from console.live.running import Running
from console.web.local_page import open_page
from tests.support.memory_store import MemoryStore
from tests.unit.console.live.test_running import NOW, live

CALL = "api/calls/call1/stream1"
NOTE = {"do": "note", "what": {"text": "the parcel is in Pune, ask 9876500009"}}


@asynccontextmanager
async def page(*, acts: bool = True):
    store = MemoryStore()
    store.create(layout.live("call1", "stream1"), encode(live(1)))
    one = Live("file:x", Running(store), "asha", acts=acts, clock=lambda: NOW)
    async with open_page(PAGE, one.routes()) as url, aiohttp.ClientSession(url) as http:
        yield http, store


def wanted(store: MemoryStore) -> dict[str, Any]:
    return json.loads(store.objects.get(layout.hand("call1", "stream1"), b"{}"))


async def test_numbers_are_masked_until_they_are_asked_for():
    async with page() as (http, _):
        async with http.get("api/calls") as answer:
            listing = await answer.json()
        assert (listing["by"], listing["acts"], listing["calls"][0]["from"]) == ("asha", True, "***0001")
        async with http.get(CALL) as answer:
            assert (await answer.json())["from"] == "***0001"
        async with http.get(f"{CALL}?numbers=whole") as answer:
            assert (await answer.json())["from"] == "09876500001"


async def test_who_looks_at_a_call_has_its_relay_tell_more_often():
    async with page() as (http, store):
        await http.get("api/calls")
        assert wanted(store) == {}  # the list alone does not
        await http.get(CALL)
        assert wanted(store) == {"watched_until": NOW + hand.WATCH_S}
        before = store.read(layout.hand("call1", "stream1"))
        await http.get(CALL)
        assert store.read(layout.hand("call1", "stream1")) == before  # not written each second


async def test_a_command_says_who_gave_it_and_how_long_it_is_good():
    async with page() as (http, store):
        await http.get(CALL)
        async with http.post(f"{CALL}/commands", json=NOTE) as answer:
            command_id = (await answer.json())["id"]
        [command] = wanted(store)["commands"]
        assert command == {
            "id": command_id,
            "do": "note",
            "by": "asha",
            "at": "2026-11-23T10:00:00.000Z",
            "expires_at": NOW + hand.VALID_S,
            "what": NOTE["what"],
        }
        assert wanted(store)["watched_until"]
        async with http.get(CALL) as answer:
            assert (await answer.json())["commands"][0]["outcome"] == "waiting"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "Expected a JSON object."),
        ({}, "Expected one of ambience, end, transfer, agent, note, say"),
        ({"do": "dance", "what": {}}, "Expected one of"),
        ({"do": ["end"], "what": {}}, "Expected one of"),
        ({"do": "note", "what": "x"}, "Expected one of"),
        ({"do": "note", "what": {}}, "text: expected a text"),
        ({"do": "ambience", "what": {"volume": 4}}, "volume: expected a number from 0 to 1"),
    ],
)
async def test_what_no_relay_could_do_is_refused_at_once(body, says):
    async with page() as (http, store), http.post(f"{CALL}/commands", json=body) as answer:
        assert answer.status == 400
        assert says in await answer.text()
        assert wanted(store) == {}


async def test_what_is_no_json_is_refused():
    async with page() as (http, _), http.post(f"{CALL}/commands", data=b"[" * 100_000) as answer:
        assert answer.status == 400


async def test_a_call_that_is_over_is_left_alone():
    async with page() as (http, store):
        store.delete(layout.live("call1", "stream1"))
        async with http.get(CALL) as answer:
            assert await answer.json() == {"gone": True}
        async with http.post(f"{CALL}/commands", json=NOTE) as answer:
            assert (answer.status, await answer.text()) == (404, "This call is over.")
        assert wanted(store) == {}


async def test_who_only_looks_writes_nothing():
    async with page(acts=False) as (http, store):
        before = dict(store.objects)
        await http.get(CALL)
        async with http.post(f"{CALL}/commands", json=NOTE) as answer:
            assert answer.status == 403
        assert store.objects == before


async def test_so_many_wait_and_no_more():
    async with page() as (http, store):
        for _ in range(hand.MOST):
            async with http.post(f"{CALL}/commands", json=NOTE) as answer:
                assert answer.status == 200
        async with http.post(f"{CALL}/commands", json=NOTE) as answer:
            assert answer.status == 400
        assert len(wanted(store)["commands"]) == hand.MOST


def test_what_came_too_late_long_ago_makes_room():
    store = MemoryStore()
    for second in (0, 300):
        hand.command(store, "call1", "stream1", "end", {}, by="asha", now=NOW + second)
    [command] = wanted(store)["commands"]
    assert command["expires_at"] == NOW + 300 + hand.VALID_S


def test_two_people_at_once_lose_nothing():
    """Each reads before the other has written: who comes second reads again."""
    store = MemoryStore()
    read, once = store.read, [True]

    def beaten(key: str) -> Any:
        found = read(key)
        if once:
            once.clear()
            hand.command(store, "call1", "stream1", "note", NOTE["what"], by="ravi", now=NOW)
        return found

    store.read = beaten
    hand.command(store, "call1", "stream1", "end", {}, by="asha", now=NOW)
    assert [one["by"] for one in wanted(store)["commands"]] == ["ravi", "asha"]


@pytest.mark.parametrize("ids", ["..%2Fx/y", "call1/a%20b", "call1/.."])
async def test_ids_are_ids(ids):
    async with page() as (http, _), http.get(f"api/calls/{ids}") as answer:
        assert answer.status == 404


async def test_a_site_that_is_not_the_page_can_want_nothing():
    """Any site in the browser can post to 127.0.0.1."""
    async with page() as (http, store):
        for headers in (
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example:80"},
        ):
            async with http.post(f"{CALL}/commands", json=NOTE, headers=headers) as answer:
                assert answer.status == 403
        async with http.post(f"/{CALL}/commands", json=NOTE) as answer:  # without the word
            assert answer.status == 404
        assert wanted(store) == {}


async def test_nothing_else_is_written():
    """What docs/live.md asks a bucket to allow is enough."""
    async with page() as (http, store):
        before = dict(store.objects)
        await http.get("api/calls")
        await http.get(CALL)
        for do in ("end", "transfer"):
            await http.post(f"{CALL}/commands", json={"do": do, "what": {}})
        assert {key for key in store.objects if store.objects[key] != before.get(key)} == {
            layout.hand("call1", "stream1")
        }
