"""A written caller, frame by frame: when its lines begin and end, and which of the agent's words it reacts to."""

import asyncio

import numpy as np
import pytest

from console.rehearse.caller import RehearsedCaller
from console.rehearse.goal import GoalCaller
from console.rehearse.person import Room
from console.rehearse.suite import Goal, Line, Step

FRAME = 160
QUIET = np.zeros(FRAME, np.int16)
LINE = np.full(250, 9000, np.int16)


class Call:
    def __init__(self, *steps):
        self.agent = ""
        self.caller = RehearsedCaller(steps, (), {"Yes.": LINE}, 8000, lambda: self.agent, Room(Line(), None))
        self.at_ms = 0.0

    def frame(self):
        doing = self.caller.frame(self.at_ms, QUIET, FRAME)
        self.at_ms += 20
        return doing


def test_a_line_ends_with_its_last_sample_not_with_the_frame():
    call = Call(Step(when="at 20 ms", say="Yes."))
    said = [call.frame().pcm for _ in range(4)]
    assert said[0] is None
    assert said[1].tolist() == [9000] * FRAME
    assert said[2].tolist() == [9000] * 90 + [0] * 70
    assert said[3] is None
    [line] = call.caller.said
    assert (line.start_s, line.end_s) == (0.02, pytest.approx(0.04 + 90 / 8000))


def test_what_the_agent_had_said_before_a_line_is_no_answer_to_it():
    call = Call(Step(when="at 0 ms", say="Yes."), Step(when="agent says ~ goodbye", hang_up=True))
    call.agent = "Goodbye is a word that I say often. goodbye"
    assert not any(call.frame().hang_up for _ in range(5))
    call.agent += " Well then, goodbye."
    assert call.frame().hang_up


class Answers:
    """A model that says the same each time, at once."""

    tokens = 0

    def __init__(self):
        self.asked = []

    async def say(self, messages):
        self.asked.append(messages[-1].content)
        return "Yes."


LOUD = np.full(FRAME, 9000, np.int16)


@pytest.mark.parametrize(("words_after_ms", "thinks_after_ms"), [(0, 700), (2000, 2000), (9000, 4000)])
async def test_a_model_waits_for_words_that_come_after_their_sound_but_not_for_ever(words_after_ms, thinks_after_ms):
    """A deployed relay tells the words some seconds later."""
    words, model = [""], Answers()

    async def speak(text):
        return LINE

    caller = GoalCaller(Goal(wants="the hours"), model, speak, 8000, lambda: words[0], Room(Line(), None))
    for at_ms in range(0, 1000, 20):
        caller.frame(at_ms, LOUD, FRAME)
    last_sound_ms, at_ms = 980, 1000
    while not model.asked:
        if at_ms - last_sound_ms >= words_after_ms:
            words[0] = "From nine to five."
        caller.frame(at_ms, QUIET, FRAME)
        await asyncio.sleep(0)
        at_ms += 20
    assert model.asked == ["From nine to five." if words_after_ms < thinks_after_ms + 1 else "(silence)"]
    assert 0 <= at_ms - 20 - last_sound_ms - thinks_after_ms <= 40
