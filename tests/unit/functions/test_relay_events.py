import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import calls
from tests.support.memory_store import MemoryStore

AN_ID = "1 to 128 of A-Z a-z 0-9 . _ -"


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def app(store):
    return calls.webhook_app(store)


def test_an_event_is_kept_as_received(app, store):
    request = calls.signed_event(calls.started())
    assert calls.body_of(app.handle(request)) == {"status": "ok", "duplicate": False}
    assert store.objects[f"calls/{calls.CALL}/events/{1:032x}.json"] == request.body
    record = calls.record_of(store)
    assert (record["started_at"], record["ended_at"]) == ("2026-11-23T09:58:00.000Z", None)
    assert record["from"] == "+919876500001"
    assert record["agent"] == {"alias": "desk", "vendor": "elevenlabs", "id": "agent_1"}


def test_a_repeat_is_answered_as_duplicate_and_changes_nothing(app, store):
    app.handle(calls.signed_event(calls.started()))
    before = dict(store.objects)
    assert calls.body_of(app.handle(calls.signed_event(calls.started())))["duplicate"] is True
    assert store.objects == before


@pytest.mark.parametrize(
    ("asked", "target"),
    [("sales", "sales"), ("Sales ", "sales"), ("Team 1", "team_1"), ("team-1", "team_1"), ("", "support")],
)
def test_a_target_is_found_by_its_name_and_nothing_means_the_first(app, asked, target):
    answer = calls.body_of(app.handle(calls.signed_event(calls.transfer_requested(asked))))
    assert answer["transfer"] == {"accepted": True, "target": target, "reason": None}


def test_an_unknown_target_is_refused_with_those_there_are(app, store):
    answer = calls.body_of(app.handle(calls.signed_event(calls.transfer_requested("billing"))))
    assert answer["transfer"]["accepted"] is False
    assert answer["transfer"]["target"] is None
    assert answer["transfer"]["reason"] == "'billing' is not configured; configured are: support, sales, team_1"
    assert calls.record_of(store)["transfer"]["state"] == "none"


def test_no_target_at_all_says_what_to_set(store):
    app = calls.webhook_app(store, TRANSFER_TARGETS="{}", TRANSFER_TEAM_1_NUMBER="")
    answer = calls.body_of(app.handle(calls.signed_event(calls.transfer_requested(""))))
    assert "set TRANSFER_TARGETS" in answer["transfer"]["reason"]


def test_an_accepted_request_stays_accepted_when_the_settings_change(app, store):
    """The agent was told so and the stream is closed: a retry after a deploy must not take it back."""
    app.handle(calls.signed_event(calls.transfer_requested("sales")))
    later = calls.webhook_app(store, TRANSFER_TARGETS="{}")
    answer = calls.body_of(later.handle(calls.signed_event(calls.transfer_requested("sales"))))
    assert answer["transfer"] == {"accepted": True, "target": "sales", "reason": None}


def test_the_request_is_stored_before_the_answer(app, store):
    app.handle(calls.signed_event(calls.transfer_requested()))
    request = json.loads(store.objects[f"calls/{calls.CALL}/requests/{2:032x}.json"])
    assert request["target"] == "sales"
    assert request["summary"] == "Caller asks for a price of ten."


def test_the_end_brings_the_request_when_its_own_event_was_lost(app, store):
    wish = {"target": "sales", "reason": "r", "summary": "s"}
    app.handle(calls.signed_event(calls.ended("transferred", transfer=wish)))
    assert calls.record_of(store)["transfer"]["target"] == "sales"


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_a_bad_signature_stores_nothing(app, store, secret):
    assert calls.refusal(app.handle(calls.signed_event(calls.started(), secret=secret))) == (401, "bad signature")
    assert not store.objects


def test_without_a_secret_nobody_gets_in(store, caplog):
    app = calls.webhook_app(store, EVENTS_SECRET="")
    assert app.handle(calls.signed_event(calls.started(), secret="")).status == 401
    assert "EVENTS_SECRET is not set" in caplog.text


def test_either_secret_is_good_during_a_rotation(store):
    app = calls.webhook_app(store, EVENTS_SECRET=f"the-new-relay-secret, {calls.EVENTS_SECRET}")
    assert app.handle(calls.signed_event(calls.started())).status == 200


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"call_sid": "../../etc"}, f"call_sid='../../etc': expected {AN_ID}"),
        ({"call_sid": ".."}, f"call_sid='..': expected {AN_ID}"),
        ({"call_sid": "a" * 149}, f"call_sid='{'a' * 149}: expected {AN_ID}"),
        ({"call_sid": None}, f"call_sid=None: expected {AN_ID}"),
        ({"event_id": "a/b"}, f"event_id='a/b': expected {AN_ID}"),
        ({"stream_sid": ""}, f"stream_sid='': expected {AN_ID}"),
        ({"type": 7}, "type is missing"),
        ({"at": "2026-11-23 10:00"}, "at='2026-11-23 10:00': expected an RFC 3339 time with a zone"),
    ],
)
def test_an_invalid_event_field_is_refused_by_name_value_and_expectation(app, store, change, refusal):
    response = app.handle(calls.signed_event({**calls.started(), **change}))
    assert calls.refusal(response) == (400, refusal)
    assert not store.objects


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"\xff\xfe", b'{"a":' * 2000])
def test_junk_is_refused(app, store, body):
    assert app.handle(calls.signed_event(body)).status == 400
    assert not store.objects


def test_a_type_of_a_later_version_is_kept(app, store):
    assert app.handle(calls.signed_event(calls.event("call.paused", 9, calls.NOW))).status == 200
    assert calls.record_of(store)["sources"] == ["relay"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(calls.ended())), JSON))
def test_any_value_in_any_field_is_kept_or_refused_but_never_fails(changes):
    """A 503 would be repeated for a minute and then lost."""
    app = calls.webhook_app(MemoryStore())
    assert app.handle(calls.signed_event({**calls.ended(), **changes})).status in {200, 400}
