import numpy as np

from relay.audio.ambience import Ambience
from sim.caller import SPEECH_DB, Doing, Ear, ScriptedCaller, Step, When
from sim.sound import level_db
from sim.speech import spoken

FRAME = 160
QUIET = np.zeros(FRAME, np.int16)
LOUD = np.full(FRAME, 4000, np.int16)


def follow(steps, heard):
    """Frame by frame: (ms, what the caller did), leaving out frames in which nothing new happened."""
    caller = ScriptedCaller(steps)
    done = []
    for index, frame in enumerate(heard):
        doing = caller.frame(index * 20.0, frame, FRAME)
        if doing.begins or doing.digits or doing.hang_up:
            done.append((index * 20, doing.begins or doing.digits or "hangs up"))
    return done


def frames(*spans):
    """(loud?, frames) pairs as a list of frames."""
    return [LOUD if loud else QUIET for loud, count in spans for _ in range(count)]


def test_steps_at_a_time_and_after_each_other():
    steps = [Step(When.AT, 200, press="1"), Step(When.THEN, 100, press="2"), Step(When.THEN, 0, hang_up=True)]
    assert follow(steps, frames((False, 40))) == [(200, "1"), (300, "2"), (320, "hangs up")]


def test_the_next_step_waits_until_a_line_has_been_spoken():
    steps = [Step(When.AT, 0, say="caller_hours"), Step(When.THEN, 100, press="2")]
    length = -(-spoken("caller_hours").size // FRAME)
    (_, (at, _)) = follow(steps, frames((False, 200)))
    assert at == (length - 1) * 20 + 100


def test_a_line_is_spoken_whole_and_padded_to_the_frame():
    caller = ScriptedCaller([Step(When.AT, 0, say="caller_hours")])
    said = [caller.frame(index * 20.0, QUIET, FRAME).pcm for index in range(150)]
    spoken_frames = [frame for frame in said if frame is not None]
    assert {frame.size for frame in spoken_frames} == {FRAME}
    line = spoken("caller_hours")
    assert (np.concatenate(spoken_frames)[: line.size] == line).all()
    assert caller.frame(4000.0, QUIET, FRAME) == Doing()


def test_the_caller_waits_until_the_agent_has_spoken_and_finished():
    steps = [Step(When.AGENT_FINISHED, 500, press="1")]
    assert follow(steps, frames((False, 200))) == []
    ((at, _),) = follow(steps, frames((False, 50), (True, 50), (False, 100)))
    assert at == 1000 + 980 + 500, "500 ms after the last loud frame"


def test_a_pause_in_a_sentence_is_not_its_end():
    steps = [Step(When.AGENT_FINISHED, 500, press="1")]
    ((at, _),) = follow(steps, frames((True, 50), (False, 20), (True, 50), (False, 100)))
    assert at > 2400


def test_each_step_waits_for_the_agent_again():
    steps = [Step(When.AGENT_FINISHED, 200, press="1"), Step(When.AGENT_FINISHED, 200, press="2")]
    assert [what for _, what in follow(steps, frames((True, 50), (False, 200)))] == ["1"]
    assert [what for _, what in follow(steps, frames((True, 50), (False, 50), (True, 50), (False, 50)))] == ["1", "2"]


def test_cutting_in_counts_from_when_the_agent_began():
    steps = [Step(When.AGENT_SPEAKING, 600, press="1")]
    ((at, _),) = follow(steps, frames((False, 50), (True, 100)))
    assert at == 1000 + 40 + 600, "three loud frames make speech"


def test_a_click_is_not_speech():
    ear = Ear()
    for index, frame in enumerate(frames((False, 10), (True, 2), (False, 10), (True, 1))):
        ear.hear(index * 20.0, frame, 20.0)
    assert ear.speaking_since_ms is None
    assert ear.heard_speech_ms == 0


def test_without_steps_left_the_caller_holds_the_line():
    assert follow([], frames((True, 50), (False, 100))) == []


def test_the_office_is_not_taken_for_speech_and_every_line_is():
    office = Ambience.load("office").at(8000).take(0, 60 * 8000, 0.3)
    loudest = max(level_db(office[first : first + 160]) for first in range(0, office.size - 160, 160))
    assert loudest < SPEECH_DB - 1.5
    ear = Ear()
    for index, first in enumerate(range(0, spoken("agent_goodbye").size, FRAME)):
        ear.hear(index * 20.0, spoken("agent_goodbye")[first : first + FRAME], 20.0)
    assert ear.heard_speech_ms > 1000
