"""Callers who say nothing, and agents whose time is over: every vendor's agent asks, says goodbye, is told in time."""

import re

import numpy as np
import pytest

from sim.agent_script import AgentScript, Reply
from sim.caller import Doing, Step, When
from sim.speech import ASSETS
from tests.integration.agents.world import UNLIKE, Entry, lines_heard, world
from tests.support.virtual import virtual

IDLE = {"idle_seconds": 8, "idle_attempts": 2}
SCRIPT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="asked", say=("agent_booking",)),
        Reply(on="asked", say=("agent_booking",)),
        Reply(on="asked", say=("agent_goodbye",)),
        Reply(on="heard:caller_hours", say=("agent_hours",)),
    )
)
on_every_vendor = pytest.mark.parametrize("vendor", UNLIKE)


def spoken_by(record, speaker="agent"):
    return [turn["text"] for turn in record["turns"] if turn["speaker"] == speaker]


@on_every_vendor
@virtual
async def test_a_silent_caller_is_asked_and_then_said_goodbye_to(tmp_path, vendor):
    async with world(tmp_path, Entry("front", vendor, SCRIPT, more=IDLE)) as at:
        call = await at.call(max_s=120)
        at.assert_no_violations(call)
        record = at.record(call)
        assert (record["end_reason"], record["ended_by"]) == ("caller_silent", "relay")
        assert len(spoken_by(record)) == 4  # greeting, two questions, goodbye
        assert lines_heard(call, ("agent_goodbye",))[0].is_whole
        notes = at.seen("front").notes
        assert [("8 seconds" in note, "goodbye" in note) for note in notes] == [(True, False)] * 2 + [(False, True)]
        assert call.close_code == 1000
        assert 30 < call.duration_s < 50


@on_every_vendor
@virtual
async def test_a_caller_who_answers_is_still_there(tmp_path, vendor):
    steps = (Step(when=When.AT, ms=16_000, say="caller_hours"), Step(when=When.AT, ms=28_000, hang_up=True))
    async with world(tmp_path, Entry("front", vendor, SCRIPT, more=IDLE)) as at:
        call = await at.call(script=steps)
        at.assert_no_violations(call)
        record = at.record(call)
        assert record["end_reason"] == "caller_hung_up"
        assert len(at.seen("front").notes) == 1
        assert lines_heard(call, ("agent_hours",))[0].is_whole


@virtual
async def test_keys_are_a_sign_of_life(tmp_path):
    presses = tuple(Step(when=When.AT, ms=ms, press="1") for ms in range(6000, 30_000, 6000))
    async with world(tmp_path, Entry("front", "openai", SCRIPT, more=IDLE)) as at:
        await at.call(script=(*presses, Step(when=When.AT, ms=31_000, hang_up=True)))
        assert at.seen("front").notes == []


@virtual
async def test_a_sound_file_asks_where_an_agent_can_not(tmp_path):
    """A menu has no words of its own; the file is in the record, and the caller who says nothing is given up."""
    steps = {"only": {"play": [str(ASSETS / "agent_greeting.wav")], "keys": {"1": "only"}, "wait_seconds": 60}}
    more = {**IDLE, "idle_speech": str(ASSETS / "agent_booking.wav")}
    async with world(tmp_path, Entry("front", "script", options={"steps": steps}, more=more)) as at:
        call = await at.call(max_s=120)
        record = at.record(call)
        assert record["end_reason"] == "caller_silent"
        assert spoken_by(record).count("[agent_booking.wav]") == 2
        assert lines_heard(call, ("agent_booking",))[0].is_whole


@virtual
async def test_a_human_instead_of_the_goodbye(tmp_path):
    more = {"idle_seconds": 8, "idle_attempts": 0, "idle_transfer": "reception"}
    async with world(tmp_path, Entry("front", "openai", SCRIPT, more=more)) as at:
        call = await at.call(max_s=120)
        record = at.record(call)
        assert record["end_reason"] == "transferred"
        assert (record["transfer"]["target"], record["transfer"]["reason"]) == ("reception", "the caller said nothing")


class Hold:
    """A line that somebody has put on hold: `sound` goes on and on."""

    def __init__(self, sound, hang_up_s):
        self.sound = sound
        self.hang_up_s = hang_up_s

    def frame(self, at_ms, heard, size):
        place = round(at_ms * 8) % (len(self.sound) - size)
        return Doing(self.sound[place : place + size], hang_up=at_ms >= self.hang_up_s * 1000)


def music(seconds=4):
    """Notes with gaps between them."""
    time = np.arange(seconds * 8000) / 8000
    notes = np.sin(2 * np.pi * time * (330 + 110 * (np.floor(time * 2) % 4)))
    return (notes * 6000 * ((time * 2) % 1 < 0.8)).astype(np.int16)


@pytest.mark.parametrize(("sound", "silent"), [("music", False), ("hum", True)])
@virtual
async def test_music_is_no_silence_and_a_hum_is_no_speech(tmp_path, sound, silent):
    """A caller on hold comes back; a line that only hums has nobody on it."""
    hum = np.random.default_rng(3).normal(0, 150, 32_000).astype(np.int16)
    track = music() if sound == "music" else hum
    script = AgentScript(replies=SCRIPT.replies[:4], speech_db=0.0)  # whatever it is, this agent makes no word of it
    async with world(tmp_path, Entry("front", "openai", script, more={**IDLE, "answer_seconds": 0})) as at:
        call = await at.call(caller=lambda rate_hz: Hold(track, 60), max_s=120)
        assert (at.record(call)["end_reason"] == "caller_silent") == silent
        assert bool(at.seen("front").notes) == silent


@on_every_vendor
@virtual
async def test_an_agent_is_told_before_its_time_is_over(tmp_path, vendor):
    """Endless speech, too: somebody reads out a book to the agent."""
    script = AgentScript(replies=(Reply(on="start", say=("agent_greeting",)),))
    steps = tuple(Step(when=When.AT, ms=ms, say="caller_clinics") for ms in range(4000, 90_000, 5000))
    more = {"max_seconds": 70, "answer_seconds": 0}
    async with world(tmp_path, Entry("front", vendor, script, more=more)) as at:
        call = await at.call(script=steps, max_s=120)
        at.assert_no_violations(call)
        record = at.record(call)
        assert (record["end_reason"], record["end_detail"]) == ("time_limit", "agents.front.max_seconds")
        assert 69.5 < call.duration_s < 72
        notes = at.seen("front").notes
        if vendor == "sarvam":  # it answers whatever it is told
            assert notes == []
            return
        (note,) = notes
        assert re.search(r"About 3[45] seconds are left", note)
