"""Why a call failed, in a sentence that somebody can act on: for each kind of end that vendors and lines have shown."""

import pytest

from console.records.cause import failovers, of_close, of_record
from relay.events.records import EndReason


def failed(vendor, reason, detail=""):
    return {"end_reason": "agent_failed", "agents": [{"vendor": vendor, "end_reason": reason, "end_detail": detail}]}


@pytest.mark.parametrize(
    ("vendor", "reason", "detail", "kind", "says"),
    [
        ("elevenlabs", "http_401", "signed URL refused: HTTP 401", "key_refused", "ElevenLabs refused the API key."),
        ("openai", "invalid_api_key", "", "key_refused", "OpenAI refused the API key."),
        ("deepgram", "http_401", "upgrade answered with HTTP 401", "key_refused", "Deepgram refused the API key."),
        ("gemini", "close_1008", "1008 API key not valid", "key_refused", "Gemini refused the API key."),
        ("elevenlabs", "close_3000", "3000 [quota_exceeded] You've run out", "credit_used_up", "credit is used up"),
        ("openai", "insufficient_quota", "", "credit_used_up", "OpenAI says that the credit is used up."),
        ("elevenlabs", "close_4300", "exceeded its daily call limit of 5", "vendor_busy", "no capacity for another"),
        ("openai", "http_429", "", "vendor_busy", "OpenAI had no capacity"),
        ("elevenlabs", "http_404", "", "agent_unknown", "ElevenLabs does not know the agent."),
        ("elevenlabs", "unreachable", "ConnectionRefusedError", "vendor_unreachable", "could not be reached"),
        ("elevenlabs", "silent", "connected, but no …", "vendor_unreachable", "did not answer in time"),
        ("deepgram", "http_503", "", "vendor_fault", "Deepgram had an internal error"),
        ("elevenlabs", "close_1008", "1008 not allowed", "conversation_refused", "(1008 not allowed)"),
        ("elevenlabs", "close_1006", "1006", "agent_lost", "connection to ElevenLabs was lost"),
        ("script", "defect", "ValueError: x", "defect", "The relay made a mistake"),
        ("elevenlabs", "something_new", "", "agent_failed", "ElevenLabs failed (something new)."),
    ],
)  # fmt: skip
def test_a_failed_agent_is_reported_with_vendor_and_reason(vendor, reason, detail, kind, says):
    cause = of_record(failed(vendor, reason, detail))
    assert cause.kind == kind
    assert says in cause.sentence
    assert cause.sentence.endswith(".")


def test_every_end_that_is_a_failure_has_a_sentence_with_advice():
    """A new reason in the relay without one here would make failed calls look like good ones."""
    fine = {"caller_hung_up", "agent_ended", "transferred", "rejected", "caller_silent", "time_limit", "replaced"}
    fine |= {"operator_ended"}
    for reason in [*EndReason, "relay_lost"]:
        cause = of_record({"end_reason": str(reason)})
        assert (cause is None) == (reason in fine), reason
        assert cause is None or cause.advice


@pytest.mark.parametrize("state", ["busy", "no_answer", "failed", "none"])
def test_a_transfer_that_reached_nobody_is_a_failure_with_a_kind_of_its_own(state):
    cause = of_record({"end_reason": "transferred", "transfer": {"state": state, "target": "support"}})
    assert cause.kind == f"transfer_{state}"
    assert "the transfer to support reached nobody" in cause.sentence
    assert of_record({"end_reason": "transferred", "transfer": {"state": "answered"}}) is None


def test_an_agent_that_was_never_heard_is_a_failure_whatever_the_end_is_called():
    """An agent without a first message, and a caller who gave up: `caller_hung_up`, as a good call is."""
    record = {
        "end_reason": "caller_hung_up",
        "duration_s": 9.0,
        "agents": [{"vendor": "elevenlabs"}],
        "quality": {"first_audio_ms": None},
    }
    assert of_record(record).kind == "agent_silent"
    assert of_record({**record, "duration_s": 1.0}) is None
    assert of_record({**record, "quality": {"first_audio_ms": 300}}) is None
    assert of_record({**record, "quality": None}) is None, "a relay that died told nothing"


def test_the_reason_of_a_close_frame_tells_the_same():
    assert of_close("agent_failed elevenlabs http_401").sentence == "ElevenLabs refused the API key."
    assert of_close("unknown_agent").kind == "unknown_agent"
    assert of_close("agent_ended") is None
    assert of_close("") is None


def test_a_failover_is_reported_although_the_call_went_on():
    agents = [
        {"alias": "day", "vendor": "elevenlabs", "end_reason": "http_401"},
        {"alias": "night", "vendor": "openai", "end_reason": "ended"},
    ]
    assert failovers({"agents": agents}) == ["day failed (ElevenLabs refused the API key); night took over."]
    assert failovers({"agents": agents[1:]}) == []
