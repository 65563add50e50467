"""Which recorder a call has, from the choice of its agent to its end."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from relay.call.recording import CallRecording
from relay.logs import CallLog
from tests.unit.relay.call_services import AGENT

BOTH = replace(AGENT, record="both")


class Recorder:
    """Notes what it is asked for."""

    def __init__(self, mode):
        self.mode, self.asked = mode, []
        self.mask_keys = self.pause_on_keys = False

    def discard(self):
        self.asked.append("discard")

    def let_caller_in(self):
        self.asked.append("let_caller_in")

    def stop(self):
        self.asked.append("stop")


class World:
    """A call's recording, two of its parts, and what the relay's recordings were asked for."""

    def __init__(self):
        self.begun, self.ended = [], []
        self.parts = (SimpleNamespace(recorder=None), SimpleNamespace(recorder=None))
        self.recording = CallRecording(self, None, 8000, CallLog("c", "s"), self.parts)

    def begin(self, facts, rate_hz, mode, log):
        self.begun.append(Recorder(mode))
        return self.begun[-1]

    def end(self, recorder, facts, log):
        self.ended.append(recorder)

    def recorders(self):
        """Of the call and of its parts: always the same."""
        [one] = {id(had): had for had in (self.recording.recorder, *(part.recorder for part in self.parts))}.values()
        return one


@pytest.fixture
def world():
    return World()


def test_a_call_is_recorded_as_its_agents_entry_says(world):
    world.recording.follow(BOTH)
    assert world.recorders().mode == "both"


def test_a_call_that_is_not_recorded_has_no_recorder_to_end(world):
    world.recording.follow(AGENT)
    world.recording.let_caller_in()
    world.recording.line_gone()
    world.recording.end()
    assert (world.recorders(), world.begun, world.ended) == (None, [], [])


def test_a_look_up_has_the_last_word(world):
    world.recording.follow(AGENT, "agent")
    assert world.recorders().mode == "agent"


def test_a_recording_that_is_not_wanted_after_all_is_dropped(world):
    world.recording.follow(BOTH)
    world.recording.follow(BOTH, "off")
    assert world.recorders() is None
    assert world.begun[0].asked == ["discard"]
    world.recording.end()
    assert world.ended == []


def test_another_mode_begins_another_recording(world):
    world.recording.follow(BOTH)
    world.recording.follow(BOTH, "agent")
    first, second = world.begun
    assert (first.asked, second.mode, world.recorders()) == (["discard"], "agent", second)


def test_the_same_mode_goes_on_with_the_same_recorder_and_the_other_agents_keys(world):
    """A look-up may choose another agent, whose callers type card numbers."""
    world.recording.follow(BOTH)
    world.recording.follow(replace(BOTH, mask_keys=True, record_pause_on_keys=True))
    [recorder] = world.begun
    assert recorder.asked == []
    assert (recorder.mask_keys, recorder.pause_on_keys, world.recorders()) == (True, True, recorder)


def test_the_end_of_a_recorded_call(world):
    world.recording.follow(BOTH)
    world.recording.let_caller_in()
    world.recording.line_gone()
    world.recording.end()
    [recorder] = world.ended
    assert recorder.asked == ["let_caller_in", "stop"]
