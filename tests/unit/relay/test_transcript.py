"""Who said what, and how much of it was heard."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from relay.agents.seam import Said
from relay.transcript import Transcript, timestamp

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOON, "2026-11-23T12:00:00.000Z"),
        (after(0.0123), "2026-11-23T12:00:00.012Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-11-23T12:00:00.000Z"),
    ],
)
def test_times_are_utc_whatever_the_zone(at, text):
    assert timestamp(at) == text


def test_a_conversation_as_the_contract_wants_it():
    transcript = Transcript(NOON)
    transcript.agent_says("Good morning.", "u1", after(1.2))
    transcript.heard("u1", 900, interrupted=False)
    transcript.caller_said("Hello?", after(3.0))
    assert transcript.as_json() == [
        {
            "speaker": "agent",
            "text": "Good morning.",
            "at": "2026-11-23T12:00:01.200Z",
            "offset_ms": 1200,
            "interrupted": False,
            "heard_ms": 900,
        },
        {
            "speaker": "caller",
            "text": "Hello?",
            "at": "2026-11-23T12:00:03.000Z",
            "offset_ms": 3000,
            "interrupted": False,
            "heard_ms": None,
        },
    ]
    assert transcript.so_far() == (Said("agent", "Good morning."), Said("caller", "Hello?"))


def test_a_response_that_is_sent_again_is_the_same_turn():
    transcript = Transcript(NOON)
    for _ in range(2):
        transcript.agent_says("Good morning.", "u1", NOON)
    transcript.agent_says("Are you there?", "u1", NOON)
    assert [turn.text for turn in transcript.turns] == ["Good morning.", "Are you there?"]


def test_the_same_words_in_another_utterance_are_another_turn():
    transcript = Transcript(NOON)
    transcript.agent_says("Pardon?", "u1", NOON)
    transcript.agent_says("Pardon?", "u2", NOON)
    assert len(transcript.turns) == 2


def test_an_interrupted_turn_is_corrected_and_stays_interrupted():
    transcript = Transcript(NOON)
    transcript.agent_says("We open at nine and close at six.", "u1", NOON)
    transcript.heard("u1", 700, interrupted=True)
    transcript.corrected("We open at nine…", "u1")
    transcript.heard("u1", 700, interrupted=False)
    (turn,) = transcript.as_json()
    assert (turn["text"], turn["interrupted"], turn["heard_ms"]) == ("We open at nine…", True, 700)


def test_a_correction_to_nothing_keeps_what_was_meant():
    transcript = Transcript(NOON)
    transcript.agent_says("Well,", "u1", NOON)
    transcript.corrected("", "u1")
    assert transcript.as_json()[0]["text"] == "Well,"


def test_what_nobody_said_is_no_turn():
    transcript = Transcript(NOON)
    transcript.caller_said("", NOON)
    transcript.agent_says("", "u1", NOON)
    transcript.corrected("Hm", "u9")
    transcript.heard("u9", 100, interrupted=True)
    assert transcript.as_json() == []
    assert transcript.so_far() == ()


def test_words_that_come_late_take_the_place_that_was_kept_for_them():
    """Some vendors send what the caller said after the answer to it."""
    transcript = Transcript(NOON)
    transcript.caller_spoke("c1", after(1))
    transcript.agent_says("At nine.", "u1", after(2))
    transcript.caller_said("When do you open?", after(3), "c1")
    assert [(turn["text"], turn["offset_ms"]) for turn in transcript.as_json()] == [
        ("When do you open?", 1000),
        ("At nine.", 2000),
    ]


def test_a_place_that_was_kept_in_vain_is_not_shown():
    transcript = Transcript(NOON)
    transcript.caller_spoke("c1", NOON)
    assert transcript.as_json() == []
    transcript.caller_said("", after(1), "c1")
    assert transcript.as_json() == []


def test_words_without_a_place_come_where_they_come():
    transcript = Transcript(NOON)
    transcript.caller_said("Hello?", after(1), "c9")
    assert transcript.as_json()[0]["offset_ms"] == 1000
