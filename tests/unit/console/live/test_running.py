"""Which calls go on, and how it stands with them."""

from typing import Any

import pytest

from common import layout
from common.documents import encode
from common.times import rfc3339
from console.live.running import SILENT_S, Running
from tests.support.memory_store import MemoryStore

NOW = 1_795_428_000.0


def live(place: int, **more: Any) -> dict[str, Any]:
    said = {
        "call_sid": f"call{place}",
        "stream_sid": f"stream{place}",
        "number": 3,
        "at": rfc3339(NOW - 2),
        "started_at": rfc3339(NOW - 60 * place),
        "from": "09876500001",
        "to": "08047100002",
        "agent": {"alias": "desk", "vendor": "openai", "id": "a"},
        "state": {"relay": "r1", "answer_ms": {"p50": 810}, "transfer": None},
        "turns": [{"index": 0, "speaker": "agent", "text": "Good morning", "at": rfc3339(NOW - 50)}],
        "tools": [],
        "commands": [],
    }
    return {**said, **more}


def turn(place: int, words: str, **more: Any) -> dict[str, Any]:
    return {"index": place, "speaker": ("agent", "caller")[place % 2], "text": words, **more}


def running(*documents: dict[str, Any]) -> Running:
    store = MemoryStore()
    for one in documents:
        store.create(layout.live(one["call_sid"], one["stream_sid"]), encode(one))
    return Running(store)


def test_what_the_list_says_of_a_call():
    [row] = running(live(1)).calls(NOW)
    assert row == {
        "call_sid": "call1",
        "stream_sid": "stream1",
        "from": "09876500001",
        "to": "08047100002",
        "over": "",
        "agent": "desk",
        "vendor": "openai",
        "relay": "r1",
        "started": NOW - 60,
        "heard": NOW - 2,
        "tells": True,
        "silent": False,
        "last": {"speaker": "agent", "text": "Good morning"},
        "answer_ms": 810,
        "waiting": None,
    }


def test_a_relay_without_functions_adds_a_line_with_each_report():
    """Half a line at the end is being written just now."""
    told = turn(1, "My order, please", at=rfc3339(NOW - 1))
    lines = [
        encode(live(1)),
        encode(live(1, number=4, after=3, at=rfc3339(NOW - 1), turns=[told])),
        b'{"number": 5, "af',
    ]
    look = running(live(1))
    key = layout.live("call1", "stream1")
    look.store.swap(key, b"\n".join(lines), look.store.read(key).version)
    [row] = look.calls(NOW)
    assert (row["heard"], row["last"]) == (NOW - 1, {"speaker": "caller", "text": "My order, please"})
    call = look.call("call1", "stream1", NOW)
    assert [word["text"] for word in call["words"]] == ["Good morning", "My order, please"]


def test_who_waits_comes_first_and_the_longest_before_the_others():
    waits = {"state": {"transfer": {"target": "sales", "arranged_at": rfc3339(NOW - 5)}}}
    longer = {"state": {"transfer": {"target": "", "arranged_at": rfc3339(NOW - 9)}}}
    rows = running(live(1), live(2, **waits), live(3), live(4, **longer)).calls(NOW)
    assert [row["call_sid"] for row in rows] == ["call4", "call2", "call3", "call1"]
    assert rows[1]["waiting"] == {"since": NOW - 5, "target": "sales", "state": "requested"}


@pytest.mark.parametrize(
    ("state", "waits"), [("requested", True), ("ringing", True), ("answered", False), ("busy", False)]
)
def test_a_caller_whose_line_was_handed_over_waits_until_somebody_answers(state, waits):
    look = running(live(1, over="transferred"))
    look.store.create(layout.record("call1"), encode({"transfer": {"state": state, "target": "sales"}}))
    rows = look.calls(NOW)
    assert [row["waiting"] for row in rows] == (
        [{"since": NOW - 2, "target": "sales", "state": state}] if waits else []
    )
    assert (look.call("call1", "stream1", NOW) is not None) is waits


def test_a_silent_relay_is_distinguished_from_one_without_progress():
    old = rfc3339(NOW - SILENT_S - 1)
    lost, never = sorted(
        running(live(1, at=old), live(2, at=old, number=0)).calls(NOW), key=lambda row: row["call_sid"]
    )
    assert (lost["silent"], lost["tells"]) == (True, True)
    assert (never["silent"], never["tells"]) == (False, False)


def test_only_what_has_changed_is_read_again():
    look = running(live(1), live(2))
    look.calls(NOW)
    asked: list[str] = []
    read = look.store.read
    look.store.read = lambda key: asked.append(key) or read(key)
    key = layout.live("call1", "stream1")
    look.store.swap(key, encode(live(1, number=4)), read(key).version)
    look.calls(NOW)
    assert asked == [key]
    look.store.delete(key)
    assert [row["call_sid"] for row in look.calls(NOW)] == ["call2"]


def test_a_call_shows_what_was_wanted_and_what_became_of_it():
    done = {
        "index": 0,
        "id": "c1",
        "do": "note",
        "by": "asha",
        "outcome": "done",
        "detail": "",
        "arguments": '{"text":"hello"}',
    }
    look = running(live(1, commands=[done]))
    waiting = [
        {"id": "c1", "do": "note", "by": "asha", "expires_at": NOW + 5, "what": {}},
        {"id": "c2", "do": "end", "by": "ravi", "expires_at": NOW + 5, "what": {"reason": "a test"}},
        {"id": "c3", "do": "end", "by": "ravi", "expires_at": NOW - 5, "what": {}},
    ]
    look.store.create(layout.hand("call1", "stream1"), encode({"commands": waiting}))
    call = look.call("call1", "stream1", NOW)
    assert call is not None
    assert [(one["id"], one["outcome"]) for one in call["commands"]] == [
        ("c1", "done"),
        ("c2", "waiting"),
        ("c3", "too late"),
    ]
    assert [one["about"] for one in call["commands"]] == ["hello", "a test", ""]
    assert call["words"][0]["at"] == NOW - 50


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"turns": 5, "state": [], "agent": "x", "commands": {}}'])
def test_a_document_that_makes_no_sense_stops_nothing(body):
    look = running(live(1))
    look.store.create(layout.live("odd", "odd"), body)
    assert "call1" in [row["call_sid"] for row in look.calls(NOW)]
    look.call("odd", "odd", NOW)


def test_a_call_that_is_over_is_none():
    assert running().call("call1", "stream1", NOW) is None
