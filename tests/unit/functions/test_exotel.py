"""Passthru and dial events, in every spelling that was ever seen (exotel.md 2, 3)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common.http import request
from functions.transfer.exotel import began_at, call_sid, caller, dial_result, parameters, stream_result
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
    "Error": "3001",
    "DetailedStatus": "bot closed the socket",
}
EXPECTED = {
    "stream_sid": calls.STREAM,
    "status": "completed",
    "duration_s": 94,
    "disconnected_by": "bot",
    "error": "3001",
    "detailed_status": "bot closed the socket",
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
    ended = stream_result(said(Stream__DisconnectedBy="System"))
    nothing = {
        "status": "",
        "stream_sid": "",
        "duration_s": None,
        "error": "",
        "detailed_status": "",
        "recording_url": "",
    }
    assert ended == {**nothing, "disconnected_by": "NA"}


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
        *[
            ({key: word.upper()}, state)
            for key in ("DialCallStatus", "Status", "EventType", "Event")
            for word, state in (
                *(("answered", "answered"), ("completed", "answered"), ("in-progress", "answered"), ("busy", "busy")),
                *(("no-answer", "no_answer"), ("canceled", "no_answer"), ("cancelled", "no_answer")),
                *(("failed", "failed"), ("ringing", "ringing")),
            )
        ],
        ({"CallType": "incomplete", "Legs[0][OnCallDuration]": "9"}, "no_answer"),
        ({"CallType": "completed", "DialWhomNumber": "09876500010", "ConversationDuration": "0"}, "no_answer"),
        ({"CallType": "completed", "Legs": '[{"OnCallDuration": 0}]'}, "no_answer"),
        ({"CallType": "completed", "Legs": "[7]"}, "answered"),
        ({"CallType": "completed", "Legs": "[]"}, "answered"),
        ({"CallType": "completed", "Legs": "[{"}, "answered"),
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


def test_what_is_kept_of_a_dialled_number():
    """The time of a conversation only if there was one: what rang in vain has a duration too."""
    told = {
        "DialWhomNumber": "09876500010",
        "ConversationDuration": "61",
        "RecordingUrl": "https://rec.example.in/2.mp3",
    }
    kept = {"state": "answered", "number": "+919876500010", "duration_s": 61}
    assert dial_result(said(**told, DialCallStatus="completed")) == {**kept, "recording_url": told["RecordingUrl"]}
    assert dial_result(said(DialCallStatus="busy", ConversationDuration="61")) == {
        **{"state": "busy", "number": None, "duration_s": None, "recording_url": ""}
    }


@pytest.mark.parametrize(
    ("values", "number", "began"),
    [
        ({"CallFrom": "09876500001", "From": "09876500002"}, "+919876500001", None),
        ({"From": "09876500002", "Created": "Mon, 23 Nov 2026 15:30:00"}, "+919876500002", 1_795_428_000.0),
        ({"CallFrom": "anonymous", "StartTime": "2026-11-23 15:30:00"}, None, 1_795_428_000.0),
        ({"Created": "soon", "StartTime": "2026-11-23 15:30:00"}, None, 1_795_428_000.0),
    ],
)
def test_who_calls_and_since_when(values, number, began):
    """Exotel's times are India's, in two forms."""
    assert (caller(said(**values)), began_at(said(**values))) == (number, began)


@pytest.mark.parametrize("sid", ["", "a/b", "..", "x" * 129])
def test_a_call_s_id_that_can_be_no_key_is_none(sid):
    assert call_sid(said(CallSid=sid)) == ""
    assert call_sid(said(CallSid="b7a9")) == "b7a9"


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
