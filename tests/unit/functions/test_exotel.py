"""Passthru and dial events, in every spelling that was ever seen (exotel.md 2, 3)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common.http import request
from functions.transfer.exotel import dial_result, parameters, stream_result
from tests.support import calls
from tests.support.memory_store import MemoryStore
from tests.unit.functions.test_connect import World

STREAM = {
    "StreamSID": calls.STREAM,
    "Status": "completed",
    "Duration": "94",
    "DisconnectedBy": "bot",
    "StreamUrl": "wss://user:secret@bot.example.in/m/acme",
    "RecordingUrl": "https://rec.example.in/1.mp3",
}
EXPECTED = {
    "stream_sid": calls.STREAM,
    "status": "completed",
    "duration_s": 94,
    "disconnected_by": "bot",
    "error": "",
    "detailed_status": "",
    "recording_url": "https://rec.example.in/1.mp3",
}


def said(**values):
    return parameters(calls.exotel("passthru", **values))


def test_both_encodings_of_a_stream_are_one():
    bracketed = stream_result(said(**{f"Stream__{name}": value for name, value in STREAM.items()}))
    as_json = stream_result(said(Stream=json.dumps(STREAM)))
    lower = stream_result(said(Stream=json.dumps({name.lower(): value for name, value in STREAM.items()})))
    assert bracketed == as_json == lower == EXPECTED


def test_the_url_with_its_password_is_not_kept():
    assert "secret" not in json.dumps(stream_result(said(Stream=json.dumps(STREAM))))


def test_other_spellings_of_how_it_ended():
    result = stream_result(said(Stream__Status="Canceled", Stream__DisconnectedBy="caller"))
    assert (result["status"], result["disconnected_by"]) == ("cancelled", "user")


@pytest.mark.parametrize("value", ["", "not json", "[]", "7"])
def test_an_unreadable_stream_is_ignored(value):
    assert stream_result(said(Stream=value)) is None


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"EventType": "Dial"}, "fetched"),
        ({"EventType": "Ringing"}, "ringing"),
        ({"EventType": "Answered"}, "answered"),
        ({"Event": "answered"}, "answered"),
        ({"EventType": "Terminal", "DialCallStatus": "completed"}, "answered"),
        ({"EventType": "Terminal", "DialCallStatus": "busy"}, "busy"),
        ({"EventType": "Terminal", "DialCallStatus": "no-answer"}, "no_answer"),
        ({"EventType": "Terminal", "DialCallStatus": "canceled"}, "no_answer"),
        ({"EventType": "Terminal", "DialCallStatus": "failed"}, "failed"),
        ({"EventType": "Terminal"}, "failed"),
        ({"EventType": "Terminal", "DialCallDuration": "12"}, "failed"),
        ({"EventType": "Terminal", "ConversationDuration": "12"}, "answered"),
        ({"CallType": "incomplete", "DialWhomNumber": "09876500010", "DialCallDuration": "25"}, "no_answer"),
        ({"CallType": "incomplete", "DialCallStatus": "completed", "DialCallDuration": "25"}, "no_answer"),
        ({"CallType": "incomplete", "EventType": "Terminal", "ConversationDuration": "3"}, "failed"),
        ({"CallType": "completed", "DialWhomNumber": "09876500010", "DialCallDuration": "31"}, "answered"),
        ({"CallType": "completed", "DialWhomNumber": "09876500010", "Legs[0][OnCallDuration]": "0"}, "no_answer"),
        ({"CallType": "client-hangup", "DialWhomNumber": "09876500010", "DialCallDuration": "9"}, "no_answer"),
        ({"CallType": "client-hangup", "DialWhomNumber": "09876500010", "Legs[0][OnCallDuration]": "9"}, "answered"),
        ({"CallType": "completed", "Legs[0][OnCallDuration]": "61"}, "answered"),
        ({"CallType": "completed", "Legs": '[{"OnCallDuration": 61}]'}, "answered"),
        ({"CallType": "incomplete", "DialCallStatus": "no-answer"}, "no_answer"),
        ({"CallType": "incomplete", "DialCallStatus": "busy"}, "busy"),
    ],
)
def test_how_a_dialled_number_fared(values, state):
    assert dial_result(said(**values))["state"] == state


@pytest.mark.parametrize(
    "values",
    [
        {"CallType": "completed", "DialCallDuration": "94"},  # of the stream, nobody was dialled
        {"CallType": "call-attempt", "CallStatus": "in-progress"},
        {"EventType": "unheard-of"},
        {"DialCallStatus": "{{DialCallStatus}}"},
        {},
    ],
)
def test_what_says_nothing_about_dialling(values):
    assert dial_result(said(**values)) is None


@given(
    st.dictionaries(
        st.sampled_from(["Stream", "Stream[Status]", "Legs", "EventType", "DialCallDuration", "Legs[0]"]), st.text()
    )
)
def test_nothing_raises(values):
    stream_result({name.lower(): value for name, value in values.items()})
    dial_result({name.lower(): value for name, value in values.items()})


def test_two_deliveries_differ_in_nothing_that_counts():
    store = MemoryStore()
    app = calls.transfer_app(store)
    for now in ("2026-11-23 15:30:00", "2026-11-23 15:30:04"):
        app.handle(
            calls.exotel(
                "passthru", CallSid=calls.CALL, CurrentTime=now, Stream__StreamSID="s", Stream__Status="failed"
            )
        )
    assert len([key for key in store.objects if "/streams/" in key]) == 1


def test_the_branch_is_302_only_when_somebody_is_wanted():
    world = World()
    passthru = calls.exotel("passthru", CallSid=calls.CALL, Stream__Status="completed", Stream__DisconnectedBy="bot")
    assert world.transfer.handle(passthru).status == 200  # never heard of it
    world.tell(calls.started(), calls.ended())
    assert world.transfer.handle(passthru).status == 302  # the webhook may still say so: Connect waits for it
    world.tell_webhook("none")
    assert world.transfer.handle(passthru).status == 200
    world.tell(calls.transfer_requested())
    assert world.transfer.handle(passthru).status == 302
    assert world.transfer.handle(passthru).status == 302


def test_post_is_as_good_as_get():
    world = World()
    world.tell(calls.transfer_requested())
    body = json.dumps({"CallSid": calls.CALL, "Stream": STREAM}).encode()
    sent = request("POST", "/exotel/passthru", f"token={calls.TOKEN}", {"Content-Type": "application/json"}, body)
    assert world.transfer.handle(sent).status == 302
    assert calls.record_of(world.store)["streams"] == [EXPECTED]


def test_a_passthru_without_a_call_is_still_answered():
    assert World().transfer.handle(calls.exotel("passthru", CallSid="{{CallSid}}")).status == 200


def test_the_passthru_after_connect_tells_how_the_transfer_went():
    world = World()
    world.tell(calls.transfer_requested())
    world.numbers()
    after = calls.exotel("passthru", CallSid=calls.CALL, CallType="completed", **{"Legs[0][OnCallDuration]": "61"})
    assert world.transfer.handle(after).status == 200
    transfer = calls.record_of(world.store)["transfer"]
    assert transfer["state"] == "answered"
    assert transfer["attempts"][0]["duration_s"] == 61
