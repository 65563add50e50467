import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.aside import aside
from functions.webhook.conversation import result_of
from functions.webhook.settings import Settings
from tests.support import calls
from tests.support.memory_store import MemoryStore
from tests.support.processes import ROOT
from tests.unit.functions.test_relay_events import JSON

OTHER = "wsec_another_of_nobody"
FIXTURES = ROOT / "tests" / "fixtures"


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def app(store):
    return calls.webhook_app(store)


def inbox(store):
    return [
        body for key, body in store.objects.items() if key.startswith("inbox/2") and not key.endswith(".problem.json")
    ]


def problems(store):
    return [json.loads(body)["problem"] for key, body in store.objects.items() if key.endswith(".problem.json")]


def test_the_raw_body_is_kept_and_the_record_made(app, store):
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    assert calls.body_of(app.handle(request)) == {"status": "ok", "duplicate": False}
    assert inbox(store) == [request.body]
    record = calls.record_of(store)
    assert record["sources"] == ["webhook"]
    assert record["conversation_id"] == "conv_01"
    assert [turn["speaker"] for turn in record["turns"]] == ["agent", "caller", "agent"]
    assert record["analysis"]["call_successful"] == "success"
    assert record["duration_s"] == 115
    assert not [key for key in store.objects if key.startswith("pending/")]


def test_the_vendors_charge_and_agent_version_are_in_the_record(app, store):
    data = calls.conversation(version_id="agtvrsn_7")
    data["metadata"] |= {"cost": 812, "cost_fiat": 0.173}
    app.handle(calls.signed_webhook(calls.post_call(data)))
    record = calls.record_of(store)
    assert record["charges"] == [{"conversation_id": "conv_01", "credits": 812, "usd": 0.173}]
    assert record["vendor_version"] == "agtvrsn_7"


@pytest.mark.parametrize("said", [{}, {"cost": None}, {"cost": -1, "cost_fiat": "much"}, {"cost_fiat": 1e30}])
def test_an_invalid_charge_is_not_recorded(app, store, said):
    data = calls.conversation()
    data["metadata"] |= said
    app.handle(calls.signed_webhook(calls.post_call(data)))
    record = calls.record_of(store)
    assert (record["charges"], record["vendor_version"]) == ([], None)


def test_a_duplicate_is_answered_with_200_and_changes_nothing(app, store):
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    app.handle(request)
    before = dict(store.objects)
    assert calls.body_of(app.handle(request)) == {"status": "ok", "duplicate": True}
    assert store.objects == before


def test_a_repeat_after_midnight_is_still_a_repeat(store):
    """The key comes from the body, not from the clock: retries go on for 40 minutes."""
    body = calls.post_call(calls.conversation(), at=calls.NOW)
    for now in (calls.NOW, calls.NOW + 14 * 3600):
        calls.webhook_app(store, lambda now=now: now).handle(calls.signed_webhook(body, now=now))
    assert len(inbox(store)) == 1


@pytest.mark.parametrize(
    "request_",
    [
        calls.signed_webhook(calls.post_call({}), secret="wrong"),
        calls.signed_webhook(calls.post_call({}), now=calls.NOW - 1801),
        calls.signed_webhook(calls.post_call({}), now=calls.NOW + 301),
    ],
)
def test_a_bad_signature_is_401_and_stores_nothing(app, store, request_, caplog):
    assert calls.refusal(app.handle(request_)) == (401, "bad signature")
    assert not store.objects
    assert {record.event for record in caplog.records} == {"webhook_refused"}


def test_the_window_is_a_setting(store):
    app = calls.webhook_app(store, WEBHOOK_MAX_AGE_SECONDS="7200")
    assert app.handle(calls.signed_webhook(calls.post_call({}), now=calls.NOW - 7000)).status == 200


@pytest.mark.parametrize("secrets", [f"{OTHER},{calls.WEBHOOK_SECRET}", f"{calls.WEBHOOK_SECRET},{OTHER}"])
def test_several_secrets_are_good(store, secrets):
    app = calls.webhook_app(store, ELEVENLABS_WEBHOOK_SECRET=secrets)
    assert app.handle(calls.signed_webhook(calls.post_call({}))).status == 200


def test_a_re_serialised_body_does_not_verify(app):
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    spaced = json.dumps(json.loads(request.body), indent=1).encode()
    assert app.handle(type(request)("POST", request.path, {}, request.headers, spaced)).status == 401


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b"", {}, "not JSON"),
        (b"\x00\x01junk", {}, "not JSON"),
        (b'{"type": "post_call_transcription", "data": {"conv', {}, "not JSON"),
        (b'["a list"]', {}, "expected a JSON object"),
        (b'{"type": "x"}', {"Content-Encoding": "gzip"}, "Content-Encoding is gzip, but the body is not"),
        (gzip.compress(b'{"type": "x"}' * 99, mtime=0)[:30], {"Content-Encoding": "gzip"}, "cut off"),
        (b'{"type": "x"}', {"Content-Encoding": "br"}, "'br' is not known"),
        (b'{"type":"post_call_transcription","data":{}}', {}, "data.conversation_id is missing"),
        (b'{"type":"post_call_transcription","data":{"conversation_id":"../x"}}', {}, "not an id"),
        (b'{"type":"post_call_transcription","data":[]}', {}, "data.conversation_id is missing"),
        (b'{"type":"post_call_transcription","data":{"conversation_id":"c","resourceSpans":[]}}', {}, "kept raw"),
        (b'{"type":"post_call_audio","data":{"conversation_id":"c","full_audio":"%%%"}}', {}, "not base64"),
    ],
)
def test_what_is_not_understood_is_kept_and_flagged(app, store, body, headers, problem):
    assert app.handle(calls.signed_webhook(body, **headers)).status == 200
    assert inbox(store) == [body]
    assert problem in problems(store)[0]


def test_a_gzipped_body_is_understood_and_kept_as_it_came(app, store):
    body = gzip.compress(json.dumps(calls.post_call(calls.conversation())).encode())
    assert app.handle(calls.signed_webhook(body, **{"Content-Encoding": "gzip"})).status == 200
    assert inbox(store) == [body]
    assert calls.record_of(store)["sources"] == ["webhook"]


@pytest.mark.parametrize(
    "kind", ["call_initiation_failure", "voice_removed", "answering_machine_detection", "", "new_type"]
)
def test_other_types_are_kept_and_answered_with_200(app, store, kind):
    assert app.handle(calls.signed_webhook(calls.post_call({"conversation_id": "c"}, kind))).status == 200
    assert len(inbox(store)) == 1
    assert not problems(store)


def test_audio_is_put_with_its_call(app, store):
    app.handle(calls.signed_event(calls.started()))
    audio = {
        "agent_id": "a",
        "conversation_id": calls.CONVERSATION,
        "full_audio": base64.b64encode(b"ID3 sound").decode(),
    }
    assert app.handle(calls.signed_webhook(calls.post_call(audio, "post_call_audio"))).status == 200
    assert store.objects[f"audio/{calls.CALL}.mp3"] == b"ID3 sound"


def test_audio_of_a_call_nobody_knows_yet_waits_for_it(app, store):
    audio = {
        "agent_id": "a",
        "conversation_id": calls.CONVERSATION,
        "full_audio": base64.b64encode(b"ID3 sound").decode(),
    }
    app.handle(calls.signed_webhook(calls.post_call(audio, "post_call_audio")))
    assert f"audio/{calls.CALL}.mp3" not in store.objects
    app.handle(calls.signed_event(calls.started()))
    calls.webhook_app(store, lambda: calls.NOW + 60).sweep()
    assert store.objects[f"audio/{calls.CALL}.mp3"] == b"ID3 sound"


def test_the_sound_of_a_second_conversation_stands_beside_the_first(app, store):
    for number, conversation_id in enumerate(("conv_01", "conv_02")):
        app.handle(calls.signed_event(calls.started(number + 1, conversation_id=conversation_id)))
        audio = {"conversation_id": conversation_id, "full_audio": base64.b64encode(b"ID3%d" % number).decode()}
        app.handle(calls.signed_webhook(calls.post_call(audio, "post_call_audio")))
    assert store.objects[f"audio/{calls.CALL}.mp3"] == b"ID30"
    assert store.objects[f"audio/{calls.CALL}-conv_02.mp3"] == b"ID31"


@pytest.mark.parametrize("webhook_first", [True, False])
def test_without_a_call_sid_the_relay_s_event_tells_the_call(app, store, webhook_first):
    news = [
        calls.signed_webhook(calls.post_call(calls.conversation(call_sid=None))),
        calls.signed_event(calls.started()),
    ]
    for request in news if webhook_first else reversed(news):
        app.handle(request)
    assert calls.record_of(store)["sources"] == ["relay", "webhook"]


@pytest.mark.parametrize("call_sid", ["{{call_sid}}", "../x", "", "a b"])
def test_an_empty_call_sid_is_not_used(app, store, call_sid):
    app.handle(calls.signed_webhook(calls.post_call(calls.conversation(call_sid=call_sid))))
    assert not [key for key in store.objects if key.startswith(("logs/", "calls/"))]


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("team_1", "team_1"),
        ("Team 1", "team_1"),
        ("team1", "team_1"),
        ("TEAM-1", "team_1"),
        ("existing", "team_1"),
        ("existing_booking", "team_1"),
        ("Existing Booking", "team_1"),
        ("team_2", "team_2"),
        ("new", "team_2"),
        ("new_booking", "team_2"),
        ("sales", "sales"),
        (True, "support"),
        ("true", "support"),
        ("Yes", "support"),
    ],
)
def test_how_the_analysis_may_spell_a_target(store, value, target):
    app = calls.webhook_app(store, TRANSFER_TEAM_2_NUMBER="09876500040")
    app.handle(calls.signed_webhook(calls.post_call(calls.conversation(value))))
    transfer = calls.record_of(store)["transfer"]
    assert (transfer["state"], transfer["target"]) == ("requested", target)
    assert (transfer["reason"], transfer["summary"]) == ("said so", "A price for ten.")


@pytest.mark.parametrize("value", [None, "", "none", "None", "no", "false", False, "null", "  "])
def test_how_it_may_say_no(app, store, value):
    app.handle(calls.signed_webhook(calls.post_call(calls.conversation(value))))
    assert calls.record_of(store)["transfer"] is None


def test_a_target_that_is_not_configured_is_logged_by_name(app, store, caplog):
    app.handle(calls.signed_webhook(calls.post_call(calls.conversation("billing"))))
    assert "'billing', which is neither in TRANSFER_TARGETS nor in TRANSFER_VALUES" in caplog.text


def test_field_and_spellings_are_settings(store):
    app = calls.webhook_app(store, TRANSFER_FIELD="hand_to", TRANSFER_VALUES='{"price question": "sales"}')
    data = calls.conversation()
    data["analysis"]["data_collection_results"] = {"hand_to": {"value": "Price Question"}}
    app.handle(calls.signed_webhook(calls.post_call(data)))
    transfer = calls.record_of(store)["transfer"]
    assert (transfer["target"], transfer["reason"]) == ("sales", "hand_to: Price Question")


@pytest.mark.parametrize("name", ["data_collection_results", "data_collection_results_list"])
def test_collected_data_may_be_a_list(app, store, name):
    data = calls.conversation()
    data["analysis"][name] = [
        {"data_collection_id": "other"},
        {"data_collection_id": "should_transfer", "value": "sales"},
    ]
    app.handle(calls.signed_webhook(calls.post_call(data)))
    assert calls.record_of(store)["transfer"]["target"] == "sales"


def test_a_webhook_without_transcript_keeps_the_relay_s(app, store):
    """With `exclude_transcript` the vendor sends the analysis only (elevenlabs.md A5.1)."""
    app.handle(calls.signed_event(calls.ended()))
    data = calls.conversation()
    del data["transcript"]
    app.handle(calls.signed_webhook(calls.post_call(data)))
    record = calls.record_of(store)
    assert [turn["text"] for turn in record["turns"]][0] == "Good morning, how can I help?"
    assert record["analysis"]["call_successful"] == "success"


@given(st.dictionaries(st.sampled_from([*calls.conversation(), "surprise"]), JSON))
def test_any_value_in_any_field_is_kept(changes):
    store = MemoryStore()
    request = calls.signed_webhook(calls.post_call({**calls.conversation("sales"), **changes}))
    assert calls.webhook_app(store).handle(request).status == 200
    assert inbox(store) == [request.body]


@given(st.binary(max_size=300), st.sampled_from(["", "gzip", "deflate", "identity", "br"]))
def test_any_body_is_kept(body, encoding):
    store = MemoryStore()
    headers = {"Content-Encoding": encoding} if encoding else {}
    assert calls.webhook_app(store).handle(calls.signed_webhook(body, **headers)).status == 200
    assert inbox(store) == [body]


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"start_time_unix_secs": 1_795_428_000_000}, "metadata.start_time_unix_secs=1795428000000 can't be a time"),
        ({"start_time_unix_secs": calls.STARTED, "call_duration_secs": 1e300}, "metadata.call_duration_secs=1e+300"),
        ({"start_time_unix_secs": "soon", "call_duration_secs": -1}, "metadata.call_duration_secs=-1 can't be a time"),
    ],
)
def test_what_cannot_be_a_time_is_flagged_and_the_rest_is_used(app, store, metadata, problem):
    """Milliseconds for seconds made every delivery, and then every sweep, fail: 503 and a marker for ever."""
    body = calls.post_call({**calls.conversation("sales"), "metadata": metadata})
    assert app.handle(calls.signed_webhook(body)).status == 200
    assert problem in problems(store)[0]
    record = calls.record_of(store)
    assert record["transfer"]["target"] == "sales"
    assert record["turns"][0]["text"]
    assert not [key for key in store.objects if key.startswith("pending/webhooks/")]


def test_half_an_emoji_does_not_cost_a_transcript(app, store):
    """tests/fixtures: a vendor cut the caller's words in the middle of a surrogate pair."""
    body = (FIXTURES / "webhook_lone_surrogate.json").read_bytes()
    app.handle(calls.signed_event(calls.started()))
    assert app.handle(calls.signed_webhook(body)).status == 200
    assert inbox(store) == [body]
    assert not problems(store)
    assert [turn["text"] for turn in calls.record_of(store)["turns"]][1] == "धन्यवाद \ufffd"


@pytest.mark.parametrize(
    "wrap", [lambda data: {"data": data}, lambda data: {"type": "", "data": data}, lambda data: data]
)
def test_a_webhook_that_does_not_say_what_it_is_is_known_by_its_transcript(app, store, wrap):
    assert app.handle(calls.signed_webhook(wrap(calls.conversation("sales")))).status == 200
    record = calls.record_of(store)
    assert record["sources"] == ["webhook"]
    assert record["transfer"]["target"] == "sales"


def test_sound_that_does_not_say_what_it_is_is_not_taken_for_a_transcript(app, store):
    app.handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    sound = {"data": {"conversation_id": "conv_01", "agent_id": "agent_1", "full_audio": "SUQz"}}
    app.handle(calls.signed_webhook(sound))
    assert store.objects[f"audio/{calls.CALL}.mp3"] == b"ID3"


def test_what_the_relay_told_as_the_caller_is_no_turn_of_theirs():
    """A vendor's transcript has it among the caller's words: the record would quote a caller who was silent."""
    data = calls.conversation()
    told = {"role": "user", "message": aside("The caller has said nothing for 20 seconds."), "time_in_call_secs": 9}
    settings = Settings.from_env({"EVENTS_SECRET": calls.EVENTS_SECRET, "STORE": "file:data"})
    with_it = result_of({**data, "transcript": [*data["transcript"], told]}, "webhook", None, settings)
    assert with_it["turns"] == result_of(data, "webhook", None, settings)["turns"]
