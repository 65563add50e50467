"""Which texts of an event and of a result are redacted, at any depth, and what stays as it is."""

from functions.common.redaction import ALL
from functions.common.redaction.documents import redacted_event, redacted_result

OTP, NUMBER, EMAIL = "482913", "09876504210", "asha@example.in"
SAID = f"write to {EMAIL}"


def test_without_rules_everything_is_kept_in_a_document_of_its_own():
    result = {"turns": [{"text": SAID}], "end_detail": SAID}
    kept = redacted_result(result, frozenset())
    assert kept == result
    kept["end_detail"] = ""
    assert result["end_detail"] == SAID
    assert redacted_event(result, frozenset()) == result


def test_a_number_that_an_analysis_gives_as_a_number_is_found_by_its_name():
    """A model asked for an integer: the OTP is no string, and only the name says what it is."""
    given = {
        "data_collection_results": {
            "one_time_password": {"value": int(OTP), "rationale": "said by the caller"},
            "phone": {"value": 919876504210},
            "age": {"value": 42, "otp": True},
            "yes": {"value": True},
        },
        "value": 7,
    }
    kept = redacted_result({"analysis": given}, ALL)["analysis"]
    assert kept == {
        "data_collection_results": {
            "one_time_password": {"value": "[otp]", "rationale": "said by the caller"},
            "phone": {"value": "***4210"},
            "age": {"value": 42, "otp": True},
            "yes": {"value": True},
        },
        "value": 7,
    }


def test_a_result_keeps_ids_times_and_targets():
    result = {
        "conversation_id": "conv_482913",
        "turns": [{"speaker": "user", "text": SAID, "at": "2026-11-29T10:00:00Z"}],
        "transfer": {"asked": SAID, "target": "sales", "refusal": SAID, "reason": SAID, "summary": SAID, "at": SAID},
        "end_detail": SAID,
        "version": SAID,
    }
    said = "write to [email]"
    assert redacted_result(result, ALL) == {
        "conversation_id": "conv_482913",
        "turns": [{"speaker": "user", "text": said, "at": "2026-11-29T10:00:00Z"}],
        "transfer": {"asked": said, "target": "sales", "refusal": said, "reason": said, "summary": said, "at": SAID},
        "end_detail": said,
        "version": SAID,
    } | {"analysis": None}


def test_what_people_and_models_wrote_in_an_event_is_redacted():
    event = {
        "type": "call.ended",
        "from": NUMBER,
        "tools": [{"name": "book", "arguments": {"who": {"mail": [SAID]}}, "detail": SAID, "result": SAID}, 7],
        "commands": [{"action": "say", "detail": SAID}],
        "state": {"tags": [SAID], "end_detail": SAID},
        "transfer": {"target": "sales", "reason": SAID, "summary": SAID},
        "agents": [{"id": SAID, "end_detail": SAID}, 7],
        "lookup": {"url": SAID, "problem": SAID},
        "tags": [SAID, 7],
        "end_detail": SAID,
    }
    said = "write to [email]"
    assert redacted_event(event, ALL) == {
        "type": "call.ended",
        "from": NUMBER,
        "tools": [{"name": "book", "arguments": {"who": {"mail": [said]}}, "detail": said, "result": SAID}, 7],
        "commands": [{"action": "say", "detail": said}],
        "state": {"tags": [said], "end_detail": said},
        "transfer": {"target": "sales", "reason": said, "summary": said},
        "agents": [{"id": SAID, "end_detail": said}, 7],
        "lookup": {"url": SAID, "problem": said},
        "tags": [said, 7],
        "end_detail": said,
    }


def test_what_was_said_before_tells_what_digits_are():
    turns = [
        {"speaker": "agent", "text": "Please tell me the OTP."},
        {"speaker": "user", "text": "Yes."},
        {"speaker": "user", "text": OTP},
        {"speaker": "agent", "text": "Thank you. " + "Now something else entirely, at some length. " * 6},
        {"speaker": "user", "text": OTP},
    ]
    kept = [turn["text"] for turn in redacted_event({"turns": turns}, ALL)["turns"]]
    assert kept[2] == "[otp]"
    assert kept[4] == OTP
    assert kept[:2] == ["Please tell me the OTP.", "Yes."]


def test_a_document_that_is_deeper_than_any_vendor_s_ends_there():
    deep = {"analysis": SAID}
    for _ in range(45):
        deep = {"in": deep}
    kept = redacted_result({"analysis": deep}, ALL)["analysis"]
    depth = 0
    while isinstance(kept, dict):
        kept, depth = kept["in"], depth + 1
    assert (kept, depth) == (None, 41)
