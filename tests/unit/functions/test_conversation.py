"""ElevenLabs' account of a conversation as one small piece: every field, and what can't be."""

import pytest

from common.times import rfc3339
from functions.webhook.conversation import (
    claim_of,
    impossible_times,
    is_conversation,
    result_of,
    target_of,
    transfer_of,
)
from functions.webhook.settings import Settings
from tests.support import calls

ENVIRONMENT = {
    "STORE": "file:data",
    "EVENTS_SECRET": calls.EVENTS_SECRET,
    "TRANSFER_TARGETS": '{"Sales Desk": "+919876500010", "support": "+919876500020"}',
    "TRANSFER_VALUES": '{"new booking": "support"}',
}
SETTINGS = Settings.from_env(ENVIRONMENT)
START = 1_795_428_000
STAMP = "2026-11-23T10:00:00.000Z"


def full(**more):
    return {
        "agent_id": "agent_1",
        "conversation_id": "conv_1",
        "status": "done",
        "version_id": "v" * 200,
        "has_audio": True,
        "transcript": [
            {"role": "agent", "message": "Namaste!", "time_in_call_secs": 0.25, "interrupted": True},
            {"role": "user", "message": "Hello", "time_in_call_secs": 4},
            {"role": "agent", "message": ""},
            {"role": "agent", "multivoice_message": {"parts": [{"text": "One"}, {"text": ""}, {"text": "moment"}]}},
        ],
        "metadata": {
            "start_time_unix_secs": START,
            "call_duration_secs": 115,
            "cost": 320,
            "cost_fiat": 0.12,
            "termination_reason": "Client ended",
        },
        "analysis": {"transcript_summary": "A price.", "call_successful": "success"},
        "conversation_initiation_client_data": {
            "dynamic_variables": {"caller_number": "+919876500001", "called_number": "+918047100002"}
        },
        **more,
    }


def test_everything_that_is_kept():
    assert result_of(full(), "webhook", START + 120, SETTINGS) == {
        "source": "webhook",
        "conversation_id": "conv_1",
        "agent_id": "agent_1",
        "status": "done",
        "at": rfc3339(START + 120),
        "started_at": STAMP,
        "duration_s": 115,
        "end_detail": "Client ended",
        "from": "+919876500001",
        "to": "+918047100002",
        "version": "v" * 128,
        "credits": 320,
        "usd": 0.12,
        "has_audio": True,
        "turns": [
            {"speaker": "agent", "text": "Namaste!", "offset_ms": 250, "interrupted": True},
            {"speaker": "caller", "text": "Hello", "offset_ms": 4000, "interrupted": False},
            {"speaker": "agent", "text": "One moment", "offset_ms": 0, "interrupted": False},
        ],
        "analysis": {"transcript_summary": "A price.", "call_successful": "success"},
        "transfer": None,
    }


def test_of_an_account_that_says_nothing_the_piece_says_so():
    assert result_of({}, "repair", None, SETTINGS) == {
        **{"source": "repair", "conversation_id": "", "agent_id": "", "status": "", "at": rfc3339(0)},
        **{"started_at": None, "duration_s": None, "end_detail": "", "from": "", "to": "", "version": ""},
        **{"credits": None, "usd": None, "has_audio": False, "turns": [], "analysis": None, "transfer": None},
    }


@pytest.mark.parametrize(("said_at", "at"), [(None, START + 115), (START + 120, START + 120), (-5, START + 115)])
def test_by_the_api_it_was_said_when_the_conversation_was_over(said_at, at):
    assert result_of(full(), "repair", said_at, SETTINGS)["at"] == rfc3339(at)


def test_an_error_says_more_than_how_it_ended_and_ids_of_its_own_telephony_are_read():
    metadata = {"error": {"reason": "No credits"}, "termination_reason": "error"}
    names = {"system__caller_id": "+919876500002", "system__called_number": "+918047100003"}
    data = full(metadata=metadata, conversation_initiation_client_data={"dynamic_variables": names})
    found = result_of(data, "webhook", None, SETTINGS)
    assert (found["end_detail"], found["from"], found["to"]) == ("No credits", *names.values())


@pytest.mark.parametrize(
    ("metadata", "problems"),
    [
        ({}, []),
        ({"start_time_unix_secs": START, "call_duration_secs": 7 * 86_400}, []),
        ({"call_duration_secs": 7 * 86_400 + 1}, ["metadata.call_duration_secs=604801 can't be a time"]),
        ({"call_duration_secs": -1}, ["metadata.call_duration_secs=-1 can't be a time"]),
        ({"start_time_unix_secs": 1e18}, ["metadata.start_time_unix_secs=1e+18 can't be a time"]),
        ({"start_time_unix_secs": "x" * 300}, [f"metadata.start_time_unix_secs='{'x' * 99} can't be a time"]),
    ],
)
def test_what_should_be_a_time_and_can_not_be_is_named_and_ignored(metadata, problems):
    data = full(metadata=metadata)
    assert impossible_times(data) == problems
    found = result_of(data, "webhook", None, SETTINGS)
    assert (found["duration_s"] is None) == (metadata.get("call_duration_secs") != 7 * 86_400)


@pytest.mark.parametrize(("cost", "kept"), [(0, 0), (0.5, 0.5), (-1, None), ("free", None), (None, None)])
def test_a_charge_is_no_negative_number(cost, kept):
    found = result_of(full(metadata={"cost": cost, "cost_fiat": cost}), "webhook", None, SETTINGS)
    assert (found["credits"], found["usd"]) == (kept, kept)


@pytest.mark.parametrize(
    ("data", "is_one"),
    [({"transcript": []}, True), ({"metadata": {}}, True), ({}, False), ({"transcript": {}, "metadata": []}, False)],
)
def test_what_is_a_conversation(data, is_one):
    """Where the transcript is set to OpenTelemetry's format, traces come instead."""
    assert is_conversation(data) is is_one


# --- a transfer that the analysis asks for ---


@pytest.mark.parametrize("asked", [None, "", "none", "No", "FALSE", "null", "n/a", False])
def test_nobody_is_asked_for(asked):
    collected = {"data_collection_results": {"should_transfer": {"value": asked}}}
    assert transfer_of({"analysis": collected}, SETTINGS) is None


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        *[(word, "Sales Desk") for word in ("yes", "True", True)],
        *[
            ("sales-desk", "Sales Desk"),
            ("SALES DESK", "Sales Desk"),
            ("New Booking", "support"),
            ("support", "support"),
        ],
        ("billing", None),
    ],
)
@pytest.mark.parametrize("shape", ["by name", "listed", "listed apart"])
def test_who_is_asked_for_and_why(asked, target, shape):
    entry = {"value": asked, "rationale": "owes"}
    collected = {
        "by name": {"data_collection_results": {"should_transfer": entry}},
        "listed": {"data_collection_results": [{"name": "x"}, {"name": "should_transfer", **entry}]},
        "listed apart": {"data_collection_results_list": [{"data_collection_id": "should_transfer", **entry}]},
    }[shape]
    found = transfer_of({"analysis": {**collected, "transcript_summary": "Three bills."}}, SETTINGS)
    said = "yes" if asked is True else asked
    why_not = f"{said!r} is not configured; configured are: Sales Desk, support"
    assert found == {
        **{"asked": said, "target": target, "refusal": None if target else why_not},
        **{"reason": "owes", "summary": "Three bills."},
    }


def test_without_a_reason_the_field_is_one():
    collected = {"data_collection_results": {"should_transfer": {"value": "yes"}}}
    assert transfer_of({"analysis": collected}, SETTINGS)["reason"] == "should_transfer: yes"


def test_yes_is_nobody_where_nobody_is_configured():
    assert target_of("yes", {}, SETTINGS) is None


# --- whose call it was ---


@pytest.mark.parametrize(
    ("variables", "claim"),
    [
        ({}, ("", False, False)),
        ({"caller_number": "+919876500001"}, ("", True, False)),
        ({"call_sid": "c1"}, ("", True, False)),
        ({"call_sid": "a/b"}, ("", True, False)),
        ({"call_sid": "c1", "call_proof": "x:y"}, ("", True, False)),
    ],
)
def test_a_call_that_is_named_without_proof_is_not_believed(variables, claim):
    data = {"conversation_initiation_client_data": {"dynamic_variables": variables}}
    found = claim_of(data, SETTINGS)
    assert (found.call_sid, found.unverified, found.by_number) == claim
    open_to_all = Settings.from_env({**ENVIRONMENT, "ACCEPT_UNVERIFIED_CONVERSATIONS": "true"})
    found = claim_of(data, open_to_all)
    sid = variables.get("call_sid", "")
    assert (found.call_sid, found.unverified, found.by_number) == ("" if "/" in sid else sid, False, True)


def test_a_proved_call_is_believed():
    found = claim_of(calls.conversation(), SETTINGS)
    assert (found.call_sid, found.unverified, found.by_number) == (calls.CALL, False, False)
