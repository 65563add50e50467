"""A written caller, frame by frame: when its lines begin and end, and which of the agent's words it reacts to."""

import numpy as np
import pytest

from console.rehearse.caller import RehearsedCaller
from console.rehearse.person import Room
from console.rehearse.suite import Line, Step

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
