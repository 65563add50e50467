"""A running call on every store: what its relay tells, what the console sees and wants, and that nothing is left."""

import json
from typing import Any

from common import layout
from console.live import hand
from console.live.running import Running
from tests.support import calls
from tests.unit.functions.test_live import progress, turn


def test_from_the_first_word_to_the_last(store):
    def tell(event: dict[str, Any], now: float) -> dict[str, Any]:
        return calls.body_of(calls.webhook_app(store, lambda: now).handle(calls.signed_event(event)))

    page, now = Running(store), calls.NOW
    assert page.calls(now) == []
    tell(calls.started(), now)
    assert tell(progress(1, turn(0, "Good morning")), now) == {"status": "ok", "duplicate": False, "progress": 1}
    [row] = page.calls(now)
    assert (row["last"]["text"], row["agent"]) == ("Good morning", "desk")

    hand.watch(store, calls.CALL, calls.STREAM, now)
    wanted = hand.command(store, calls.CALL, calls.STREAM, "note", {"text": "hello"}, by="asha", now=now)
    answer = tell(progress(2, turn(1, "my parcel"), after=1), now + 1)
    assert answer["watched"] is True
    [command] = answer["commands"]
    assert (command["id"], command["do"], command["left_s"]) == (wanted["id"], "note", 29.0)

    outcome = {"index": 0, "id": wanted["id"], "do": "note", "by": "asha", "outcome": "done", "detail": ""}
    assert "commands" not in tell(progress(3, after=2, commands=[outcome]), now + 2)
    [row] = page.calls(now + 2)
    assert row["last"]["text"] == "my parcel"
    call = page.call(calls.CALL, calls.STREAM, now + 2)
    assert call is not None
    assert [one["outcome"] for one in call["commands"]] == ["done"]

    tell(calls.ended(commands=[outcome]), now + 3)
    assert page.calls(now + 3) == []
    assert not [*store.keys(layout.LIVE), *store.keys(layout.HANDS)]
    record = json.loads(store.read(layout.record(calls.CALL)).body)
    assert [one["by"] for one in record["commands"]] == ["asha"]


def test_a_killed_relays_call_is_closed_with_its_words(store):
    app = calls.webhook_app(store)
    app.handle(calls.signed_event(progress(1, turn(0, "Good morning"))))
    written_at = max(listed.written_at for listed in store.versions(layout.LIVE))  # by the store's own clock
    assert calls.webhook_app(store, lambda: max(written_at, calls.NOW) + 400).sweep().closed == 1
    record = json.loads(store.read(layout.record(calls.CALL)).body)
    assert (record["end_reason"], record["turns"][0]["text"]) == ("relay_lost", "Good morning")
