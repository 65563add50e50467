"""How long the caller waited, and for whom."""

import numpy as np
import pytest

from relay.audio.levels import SPEECH_DB, block_levels, samples_before_speech
from relay.audio.voice import VoiceActivity
from relay.line.answers import Answer, Answers
from tests.unit.relay.tone import sine

RATE = 8000
SPEECH = sine(200, RATE, 1.0, 6000).tobytes()
QUIET = bytes(2 * RATE)


class Conversation:
    """Ten seconds on a line: the caller speaks in `spans`, the agent as told."""

    def __init__(self, *spans: tuple[float, float]) -> None:
        self.voice = VoiceActivity(RATE)
        sound = np.zeros(10 * RATE, dtype=np.int16)
        for first, last in spans:
            sound[round(first * RATE) : round(last * RATE)] = sine(180, RATE, last - first, 5000)
        for at in range(0, len(sound), 160):
            self.voice.hear(sound[at : at + 160].tobytes(), (at + 160) / RATE)
        self.answers = Answers(self.voice, RATE)

    def says(self, utterance: str, arrives: float, heard: float, sound: bytes = SPEECH) -> None:
        self.answers.arrived(utterance, sound, arrives)
        self.answers.on_line(utterance, heard)

    @property
    def found(self) -> dict[str, Answer]:
        return self.answers.found(float("inf"))


def near(answer: Answer, to: str, agent_ms: int, relay_ms: int, within: int = 15) -> bool:
    assert answer.to == to
    assert answer.answer_ms == answer.agent_ms + answer.relay_ms
    return abs(answer.agent_ms - agent_ms) <= within and abs(answer.relay_ms - relay_ms) <= within


def test_the_wait_is_split_where_the_agents_first_sound_came():
    call = Conversation((1.0, 3.0))
    call.says("u1", 3.6, 3.75)
    assert near(call.found["u1"], "speech", 600, 150)
    assert call.answers.first_heard_at == 3.75


@pytest.mark.parametrize(("quiet", "passed"), [(70, 0), (150, 80), (160, 160), (170, 160)])
def test_quiet_before_a_first_word_is_counted_in_whole_hundredths_also_in_a_piece_that_ends_within_one(quiet, passed):
    call = Conversation()
    call.says("u1", 1.0, 1.0, bytes(2 * quiet) + SPEECH[:460])
    assert call.answers.first_heard_at == 1.0 + passed / RATE


def test_the_caller_s_last_word_may_be_in_a_frame_that_came_when_the_agent_was_heard():
    """The network held two frames back. What came before them is known, and the word is in the second."""
    voice = VoiceActivity(RATE)
    frames = np.zeros((30, RATE // 10), np.int16)
    frames[5:10] = sine(180, RATE, 0.5, 5000).reshape(5, -1)
    frames[25, : 8 * RATE // 100] = sine(180, RATE, 0.08, 5000)
    for number, frame in enumerate(frames[:25], 1):
        voice.hear(frame.tobytes(), 2.6 if number == 25 else number / 10)
    voice.look()
    for number, frame in enumerate(frames[25:], 26):
        voice.hear(frame.tobytes(), 2.61 if number == 26 else number / 10)
    answers = Answers(voice, RATE)
    answers.arrived("u1", SPEECH, 2.55)
    answers.on_line("u1", 2.6)
    assert answers.found(3.0) == {}


def test_each_turn_has_its_own():
    call = Conversation((1.0, 2.0), (5.0, 6.0))
    call.says("u1", 2.5, 2.6)
    call.says("u2", 7.0, 7.05)
    assert near(call.found["u1"], "speech", 500, 100)
    assert near(call.found["u2"], "speech", 1000, 50)


def test_a_greeting_answers_nobody():
    call = Conversation((5.0, 6.0))
    call.says("u1", 0.5, 0.6)
    assert call.found == {}
    assert call.answers.first_heard_at == 0.6


def test_a_second_utterance_behind_the_first_is_not_an_answer_of_its_own():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.5, 2.6)
    call.says("u2", 2.6, 3.6)
    assert list(call.found) == ["u1"]


def test_a_short_sound_at_once_is_the_answer_and_not_what_follows_it():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.05, 2.06, SPEECH[:2400])
    call.says("u2", 2.8, 2.9)
    assert list(call.found) == ["u1"]


def test_an_agent_that_speaks_again_after_a_silence_answers_nobody():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.5, 2.6, SPEECH[:1600])
    call.says("u2", 7.5, 7.6)
    assert list(call.found) == ["u1"]


def test_what_is_said_into_an_agents_turn_and_passed_over_is_not_answered_by_the_next():
    """A "hm" while the agent speaks on: its next sentence, a second later, did not take a second."""
    call = Conversation((1.0, 2.0), (3.0, 3.2))
    call.says("u1", 2.5, 2.6)
    call.says("u2", 2.6, 3.7)
    assert list(call.found) == ["u1"]


def test_an_interruption_is_answered():
    call = Conversation((1.0, 2.0), (2.9, 5.0))
    call.says("u1", 2.5, 2.6, SPEECH * 5)
    call.answers.cut(3.2)
    call.says("u2", 5.4, 5.5)
    assert near(call.found["u2"], "speech", 400, 100)


def test_what_was_cut_before_it_was_heard_never_counts():
    call = Conversation((1.0, 2.0), (2.9, 5.0))
    call.says("u1", 2.5, 2.6)
    call.answers.cut(2.55)
    assert call.answers.first_heard_at is None
    call.answers.on_line("u1", 2.8)
    call.says("u2", 5.4, 5.5)
    assert list(call.found) == ["u2"]
    assert call.answers.first_heard_at == 5.5


@pytest.mark.parametrize("span", [(1.0, 3.2), (3.02, 4.0), (1.0, 3.0)])
def test_where_both_speak_nobody_waited(span):
    """The caller is still speaking, has just stopped, or goes on: the agent came in too early."""
    call = Conversation(span, (3.2, 3.6))
    call.says("u1", 2.9, 3.02)
    assert call.found == {}


def test_a_caller_who_interrupts_later_was_answered_all_the_same():
    call = Conversation((1.0, 2.0), (3.0, 4.0))
    call.says("u1", 2.5, 2.6)
    assert near(call.found["u1"], "speech", 500, 100)


def test_whether_the_caller_goes_on_is_waited_for():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.5, 2.6)
    assert call.answers.found(2.84) == {}
    assert list(call.answers.found(2.86)) == ["u1"]


def test_the_agents_own_silence_before_it_speaks_is_its_own_time():
    """Sent in a burst or in real time: 400 ms of quiet in front of the words are 400 ms that the agent took."""
    burst = Conversation((1.0, 2.0))
    burst.says("u1", 2.5, 2.6, QUIET[:6400] + SPEECH)
    assert near(burst.found["u1"], "speech", 900, 100)
    paced = Conversation((1.0, 2.0))
    for number in range(20):
        paced.answers.arrived("u1", QUIET[:320], 2.5 + 0.02 * number)
        paced.answers.on_line("u1", 2.6)
    paced.answers.arrived("u1", SPEECH, 2.9)
    assert near(paced.found["u1"], "speech", 900, 100)


def test_pieces_shorter_than_a_block_are_speech_too():
    call = Conversation((1.0, 2.0))
    for number in range(50):
        call.answers.arrived("u1", SPEECH[number * 64 : (number + 1) * 64], 2.5 + 0.004 * number)
    call.answers.on_line("u1", 2.6)
    assert near(call.found["u1"], "speech", 500, 100)


def test_an_utterance_without_speech_is_no_answer():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.5, 2.6, QUIET)
    assert call.found == {}
    assert call.answers.first_heard_at is None


def test_keys_are_answered():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.5, 2.6)
    call.answers.keys(5.0)
    call.answers.keys(5.4)
    call.says("u2", 6.0, 6.1)
    assert near(call.found["u2"], "keys", 600, 100)


def test_keys_pressed_while_the_agent_speaks_on_are_answered_after_it():
    call = Conversation()
    call.says("u1", 2.5, 2.6)
    call.answers.keys(3.0)
    call.says("u2", 3.2, 3.8)
    assert near(call.found["u2"], "keys", 0, 200)


def test_the_answer_after_a_spoken_wait_is_timed_from_the_tools_result():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.5, 2.6)
    call.answers.tool(5.0)
    call.says("u2", 5.7, 5.8)
    assert near(call.found["u2"], "tool", 700, 100)


def test_a_silent_wait_for_a_tool_counts_towards_the_answer_time():
    call = Conversation((1.0, 2.0))
    call.answers.tool(3.0)
    call.says("u1", 3.5, 3.6)
    assert near(call.found["u1"], "speech", 1500, 100)


def test_speech_after_keys_is_what_is_answered():
    call = Conversation((3.0, 4.0))
    call.answers.keys(2.0)
    call.says("u1", 4.5, 4.6)
    assert near(call.found["u1"], "speech", 500, 100)


def test_what_was_asked_once_is_answered_once():
    call = Conversation()
    call.answers.keys(1.0)
    call.says("u1", 1.5, 1.6)
    call.says("u2", 5.5, 5.6)
    assert list(call.found) == ["u1"]


def test_speech_right_after_the_last_word_is_not_an_answer():
    call = Conversation((1.0, 3.0))
    call.says("u1", 2.9, 3.03)
    assert call.found == {}


def test_of_what_was_heard_only_the_last_is_kept():
    """An hour has hundreds of utterances. More sound of an earlier one is no answer."""
    call = Conversation((1.0, 2.0))
    for number in range(100):
        call.says(f"u{number}", 2.5 + 2 * number, 2.6 + 2 * number)
        assert list(call.answers._utterances) == [f"u{number}"]
    call.answers.arrived("u7", SPEECH, 300.0)
    assert near(call.found["u0"], "speech", 500, 100)
    assert list(call.found) == ["u0"]


def test_an_utterance_whose_first_word_is_still_to_come_is_kept():
    call = Conversation((1.0, 2.0))
    call.says("u1", 2.1, 2.1, QUIET)
    call.says("u2", 2.5, 4.2, SPEECH[:800])
    assert list(call.answers._utterances) == ["u1", "u2"]
    call.answers.arrived("u1", SPEECH, 6.5)
    assert list(call.answers._utterances) == ["u1"]


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_speech_begins_with_the_first_block_of_its_least_level(rate_hz):
    """As by the levels, for which a logarithm is needed."""
    block = rate_hz // 100
    rms = 32768 * 10 ** (-50 / 20)
    for level, found in ((rms - 0.7, 5), (rms + 0.7, 2)):
        sound = np.zeros(5 * block, dtype=np.int16)
        sound[2 * block : 3 * block] = round(level)
        assert (block_levels(sound, rate_hz).max() >= SPEECH_DB) == (found == 2)
        assert samples_before_speech(sound, rate_hz) == found * block
