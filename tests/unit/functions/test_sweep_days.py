"""Days of sweeps against an API with every fault we know of: no call of which the vendor has an account is lost.

The story behind it: two calls ended in the same five minutes, neither webhook came. The answer about the first was cut
in the middle of an emoji. That stopped the asking, and "not asked" was taken for "nothing to ask": the second call's
marker was deleted, and its transcript never fetched.
"""

import json
from collections.abc import Callable

import pytest

from common.times import rfc3339
from functions.common.fetch import Answer
from tests.support import calls
from tests.support.conversations_api import ConversationsApi, Spoil, no_answer
from tests.support.memory_store import MemoryStore

HOUR = 3600
DAY = 24 * HOUR
CALLS = 24
EVERY_S = 600
GUILTY = ("conv_00", "conv_01", "conv_02", "conv_03")
"""Those that some faults are about. They are the first in every order, so that the others are behind them."""


def status(code: int) -> Spoil:
    return lambda conversation_id, answer, asked: Answer(code, b"{}")


def body(content: bytes) -> Spoil:
    return lambda conversation_id, answer, asked: Answer(200, content)


def first(times: int, spoil: Spoil) -> Spoil:
    """Only the first `times` that something is asked for."""
    return lambda conversation_id, answer, asked: spoil(conversation_id, answer, asked) if asked < times else answer


def every_second(spoil: Spoil) -> Spoil:
    return lambda conversation_id, answer, asked: answer if asked % 2 else spoil(conversation_id, answer, asked)


def guilty(spoil: Spoil) -> Spoil:
    return lambda one, answer, asked: spoil(one, answer, asked) if one in GUILTY else answer


def listing(spoil: Spoil) -> Spoil:
    return lambda one, answer, asked: answer if one else spoil(one, answer, asked)


def rewritten(change: Callable[[dict], object]) -> Spoil:
    """The answer with something changed in it; `change` works in place."""

    def spoil(conversation_id: str, answer: Answer, asked: int) -> Answer:
        document = json.loads(answer.body)
        change(document)
        return Answer(answer.status, json.dumps(document).encode())

    return spoil


def replaced(old: bytes, new: bytes) -> Spoil:
    return lambda conversation_id, answer, asked: Answer(answer.status, answer.body.replace(old, new))


def cut(conversation_id: str, answer: Answer, asked: int) -> Answer:
    return Answer(answer.status, answer.body[: len(answer.body) // 2])


def set_metadata(**values: object) -> Spoil:
    return rewritten(lambda document: document.get("metadata", {}).update(values))


ALWAYS = (0.0, float("inf"))
SIX_HOURS = (10 * HOUR, 16 * HOUR)
LONGER_THAN_A_DAY = (10 * HOUR, 37 * HOUR)

FAULTS: dict[str, tuple[Spoil, tuple[float, float]]] = {
    "500 once for everything": (first(1, status(500)), ALWAYS),
    "500 for six hours": (status(500), SIX_HOURS),
    "500 for longer than a day": (status(500), LONGER_THAN_A_DAY),
    "no answer for six hours": (no_answer, SIX_HOURS),
    "no answer for longer than a day": (no_answer, LONGER_THAN_A_DAY),
    "key refused for six hours": (status(401), SIX_HOURS),
    "key refused for longer than a day": (status(401), LONGER_THAN_A_DAY),
    "429 every second time": (every_second(status(429)), ALWAYS),
    "204 for six hours": (status(204), SIX_HOURS),
    "not there at first": (first(3, status(404)), ALWAYS),
    "processing at first": (first(3, rewritten(lambda document: document.update(status="processing"))), ALWAYS),
    "cut off once": (first(1, cut), ALWAYS),
    "a page of a proxy's once": (first(1, body(b"<html>502</html>")), ALWAYS),
    "null once": (first(1, body(b"null")), ALWAYS),
    "an object with nothing in it once": (first(1, body(b"{}")), ALWAYS),
    "some can't be had for good": (guilty(status(500)), ALWAYS),
    "some are refused for good": (guilty(status(403)), ALWAYS),
    "some never answer": (guilty(no_answer), ALWAYS),
    "some can't be read for good": (guilty(cut), ALWAYS),
    "some answers are about others": (guilty(rewritten(lambda one: one.update(conversation_id="conv_09"))), ALWAYS),
    "some answers name no conversation": (guilty(rewritten(lambda one: one.pop("conversation_id", 0))), ALWAYS),
    "some have no content": (guilty(rewritten(lambda one: (one.pop("transcript"), one.pop("metadata")))), ALWAYS),
    "some began in milliseconds": (guilty(set_metadata(start_time_unix_secs=1_795_428_000_000)), ALWAYS),
    "some began before time": (guilty(set_metadata(start_time_unix_secs=-(10**18))), ALWAYS),
    "some have no end": (guilty(set_metadata(call_duration_secs=1e300)), ALWAYS),
    "half an emoji everywhere": (replaced(b"transfer", rb"transfer \ud83d"), ALWAYS),
    "NaN everywhere": (replaced(b'"has_audio": true', b'"has_audio": true, "cost": NaN'), ALWAYS),
    "turns out of all time": (replaced(b'"time_in_call_secs": 4', b'"time_in_call_secs": 1e300'), ALWAYS),
    "list: 500 for six hours": (listing(status(500)), SIX_HOURS),
    "list: 404 for six hours": (listing(status(404)), SIX_HOURS),
    "list: cut off for six hours": (listing(cut), SIX_HOURS),
    "list: empty object for six hours": (listing(body(b"{}")), SIX_HOURS),
    "list: goes in circles for six hours": (
        listing(rewritten(lambda page: page.update(has_more=True, next_cursor="0"))),
        SIX_HOURS,
    ),
    "list: junk among the items": (
        listing(rewritten(lambda page: page["conversations"].extend([None, 7, {}, {"conversation_id": "../x"}]))),
        ALWAYS,
    ),
}


def run_days(api: ConversationsApi, store: MemoryStore, days: int) -> None:
    """A call every two hours of the first two days, whose webhook is lost; the relay tells all, half, or nothing."""
    app = calls.webhook_app(store, api.clock, api.fetch, ELEVENLABS_API_KEY="key")
    begin = api.clock.now
    for step in range(days * DAY // EVERY_S):
        api.clock.now = begin + step * EVERY_S
        number, remainder = divmod(step * EVERY_S, 2 * HOUR)
        if not remainder and number < CALLS:
            call = {"call_sid": f"call-{number:02}", "conversation_id": f"conv_{number:02}", "agents": []}
            call |= {"stream_sid": f"s{number:02}"}
            call |= {"started_at": rfc3339(api.clock.now - 100), "ended_at": rfc3339(api.clock.now)}
            tell = (calls.started, calls.ended, None)[number % 3]
            if tell:
                event = {**tell(number=number, **call), "at": rfc3339(api.clock.now)}
                assert app.handle(calls.signed_event(event, now=api.clock.now)).status == 200
            said = calls.conversation(conversation_id=call["conversation_id"], call_sid=call["call_sid"])
            said["metadata"] = {"start_time_unix_secs": api.clock.now - 100, "call_duration_secs": 100}
            api.conversations[call["conversation_id"]] = (api.clock.now, said)
        app.sweep()


@pytest.mark.parametrize("fault", FAULTS)
def test_no_innocent_call_is_lost(fault, caplog):
    spoil, (from_s, until_s) = FAULTS[fault]
    store, clock = MemoryStore(), calls.Clock()
    api = ConversationsApi(clock, spoil, calls.NOW + from_s, calls.NOW + until_s)
    run_days(api, store, days=4)
    innocent = [number for number in range(CALLS) if f"conv_{number:02}" not in GUILTY or "some" not in fault]
    without = [number for number in innocent if f"logs/call-{number:02}.json" not in store.objects]
    assert not without
    for number in innocent:
        record = calls.record_of(store, f"call-{number:02}")
        assert "repair" in record["sources"], number
        assert record["turns"], number
        assert record["ended_at"] is not None
    assert [key for key in store.objects if key.startswith("pending/")] == ["pending/listed.json"]
    assert "internal_error" not in {line.event for line in caplog.records if hasattr(line, "event")}


def test_failing_items_are_given_up_after_a_day_and_reported(caplog):
    clock = calls.Clock()
    api = ConversationsApi(clock, guilty(cut))
    run_days(api, MemoryStore(), days=4)
    abandoned = {line.getMessage() for line in caplog.records if getattr(line, "event", "") == "repair_abandoned"}
    assert abandoned
    assert 24 <= api.asked[GUILTY[1]] <= 60  # again and again, with growing pauses, for a day; the list names it too
