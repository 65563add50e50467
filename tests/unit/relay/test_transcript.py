"""Who said what, and how much of it was heard."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from relay.agents.seam import Said
from relay.call.transcript import Transcript
from relay.events.records import timestamp

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


def test_empty_text_makes_no_turn():
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


def test_a_turn_without_words_is_not_shown():
    transcript = Transcript(NOON)
    transcript.caller_spoke("c1", NOON)
    assert transcript.as_json() == []
    transcript.caller_said("", after(1), "c1")
    assert transcript.as_json() == []


def test_words_without_a_place_come_where_they_come():
    transcript = Transcript(NOON)
    transcript.caller_said("Hello?", after(1), "c9")
    assert transcript.as_json()[0]["offset_ms"] == 1000


# --- several texts of one utterance ---


def heard_of(transcript: Transcript) -> list[tuple[int | None, bool]]:
    return [(turn["heard_ms"], turn["interrupted"]) for turn in transcript.as_json()]


def three_sentences() -> Transcript:
    """Deepgram sends a text for each sentence, and its sound behind it."""
    transcript = Transcript(NOON)
    for text, length_ms in (("One.", 1000), ("Two.", 2000), ("Three.", 3000)):
        transcript.agent_says(text, "u1", NOON)
        transcript.agent_sounds("u1", length_ms / 2)
        transcript.agent_sounds("u1", length_ms / 2)
    return transcript


def test_each_text_is_heard_as_far_as_its_own_sound():
    """`heard` went to the last text only: the others stood as if nobody knew, the last as longer than it was."""
    transcript = three_sentences()
    transcript.heard("u1", 6040, interrupted=False)  # the last frame is filled up
    assert heard_of(transcript) == [(1000, False), (2000, False), (3040, False)]


def test_a_caller_who_cuts_in_interrupts_the_text_that_was_spoken_and_those_behind_it():
    transcript = three_sentences()
    transcript.heard("u1", 1800, interrupted=True)
    assert heard_of(transcript) == [(1000, False), (800, True), (0, True)]
    assert [said.text for said in transcript.so_far()] == ["One.", "…"]


def test_texts_that_came_together_share_the_sound_by_their_length():
    transcript = Transcript(NOON)
    transcript.agent_says("x" * 10, "u1", NOON)
    transcript.agent_says("y" * 30, "u1", NOON)
    transcript.agent_sounds("u1", 4000)
    transcript.heard("u1", 2000, interrupted=True)
    assert heard_of(transcript) == [(1000, False), (1000, True)]


def test_a_text_that_comes_when_its_sound_is_through_is_heard_like_it():
    """OpenAI sends the words of an item when all of its sound was sent."""
    transcript = Transcript(NOON)
    transcript.agent_sounds("u1", 3000)
    transcript.agent_says("Good morning to you.", "u1", NOON)
    transcript.heard("u1", 1500, interrupted=True)
    assert heard_of(transcript) == [(1500, True)]
    assert transcript.so_far() == (Said("agent", "Good …"),)


def test_a_text_that_comes_after_the_end_knows_how_far_it_was_heard():
    transcript = Transcript(NOON)
    transcript.agent_sounds("u1", 3000)
    transcript.heard("u1", 700, interrupted=True)
    transcript.agent_says("Good morning to you.", "u1", NOON)
    assert heard_of(transcript) == [(700, True)]


def test_what_the_agent_takes_as_said_is_not_cut_a_second_time():
    transcript = Transcript(NOON)
    transcript.agent_says("We open at nine and close at six.", "u1", NOON)
    transcript.agent_sounds("u1", 3000)
    transcript.heard("u1", 1500, interrupted=True)
    transcript.corrected("We open at nine", "u1")
    assert transcript.so_far() == (Said("agent", "We open at nine"),)


# --- an agent that dies ---


def test_words_without_sound_were_never_heard():
    """They stood as said, and the next agent was told that the caller had been told."""
    transcript = Transcript(NOON)
    transcript.agent_says("Good morning.", "a1u1", NOON)
    transcript.agent_sounds("a1u1", 1000)
    transcript.complete("a1u1")
    transcript.agent_says("Your code is 4711.", "a1u2", NOON)
    transcript.broke_off("a1u", speaking=True)
    transcript.heard("a1u1", 1000, interrupted=False)
    assert heard_of(transcript) == [(1000, False), (0, True)]
    assert transcript.so_far() == (Said("agent", "Good morning."),)


def test_a_text_of_which_only_the_beginning_was_sent_is_cut_off():
    transcript = Transcript(NOON)
    transcript.agent_says("One.", "a1u1", NOON)
    transcript.agent_sounds("a1u1", 1000)
    transcript.agent_says("Two and a half.", "a1u1", NOON)
    transcript.agent_sounds("a1u1", 500)
    transcript.agent_says("Three.", "a1u1", NOON)
    transcript.broke_off("a1u", speaking=True)
    assert [said.text for said in transcript.so_far()] == ["One.", "Two and a half."]
    transcript.heard("a1u1", 1500, interrupted=False)  # the playout goes on with what it has
    assert heard_of(transcript) == [(1000, False), (500, False), (0, True)]


def test_one_text_of_which_the_rest_never_came_says_so():
    transcript = Transcript(NOON)
    transcript.agent_says("A long story.", "a1u1", NOON)
    transcript.agent_sounds("a1u1", 800)
    transcript.broke_off("a1u", speaking=True)
    assert transcript.so_far() == (Said("agent", "A long story. [cut off]"),)
    transcript.heard("a1u1", 800, interrupted=False)
    assert heard_of(transcript) == [(800, True)]


def test_what_was_heard_to_its_end_is_not_cut_off_by_a_death_long_after():
    """Not every vendor says that an utterance is complete."""
    transcript = Transcript(NOON)
    transcript.agent_says("Good morning.", "a1u1", NOON)
    transcript.agent_sounds("a1u1", 1000)
    transcript.broke_off("a1u", speaking=False)
    transcript.heard("a1u1", 1000, interrupted=False)
    assert heard_of(transcript) == [(1000, False)]


def test_the_words_of_another_agent_are_not_cut_off():
    transcript = Transcript(NOON)
    transcript.agent_says("Good morning.", "a1u1", NOON)
    transcript.agent_says("Sorry.", "a2u1", NOON)
    transcript.broke_off("a2u", speaking=False)
    assert heard_of(transcript) == [(None, False), (0, True)]


def test_a_new_utterance_completes_the_one_before():
    transcript = Transcript(NOON)
    transcript.agent_says("One.", "a1u1", NOON)
    transcript.agent_sounds("a1u1", 1000)
    transcript.agent_sounds("a1u2", 1000)
    transcript.broke_off("a1u", speaking=True)
    assert heard_of(transcript) == [(None, False)]
