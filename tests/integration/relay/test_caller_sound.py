"""The caller's sound on lines that lose it, whole calls in virtual time: what the agent gets to hear."""

import msgspec
import numpy as np
import pytest

from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.exotel_stream import LineFaults
from sim.network import Network
from sim.speech import spoken
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

LISTENER = AgentScript(
    replies=(Reply(on="heard:caller_hours", say=("agent_hours",)),), input_format="pcm_8000", output_format="pcm_8000"
)
ASKS = Step(when=When.AT, ms=1000, say="caller_hours")
RATE = 8000


def heard_by_agent(world):
    [conversation] = world.agents.conversations
    return np.frombuffer(bytes(conversation.received), dtype="<i2")


@virtual
async def test_a_tenth_of_the_frames_lost_neither_shortens_the_call_nor_hides_a_word(tmp_path):
    """The agent's copy was shorter by all that was lost, with a crack at each joint."""
    numbers = np.flatnonzero(np.random.default_rng(4).random(400) < 0.1)
    lost = tuple((n * 0.02, (n + 1) * 0.02) for n in numbers if n > 10)
    async with relay_world(tmp_path, LISTENER) as world:
        script = (ASKS, Step(when=When.AT, ms=8000, hang_up=True))
        result = await world.call(script=script, faults=LineFaults(lost=lost))
        heard = heard_by_agent(world)
        assert abs(len(heard) - len(result.said)) <= 2 * 160
        came = np.ones(len(heard) // 160, dtype=bool)
        came[[n for n in numbers if 10 < n < len(came)]] = False
        whole = np.repeat(came, 160)
        assert np.array_equal(heard[: len(whole)][whole], result.said[: len(whole)][whole])
        quality = world.record(result.call_sid)["quality"]
        assert quality["caller_lost"] == len(lost)
        assert quality["caller_gap_ms"] == 20 * len(lost)
        assert world.record(result.call_sid)["turns"][0]["text"]


@virtual
async def test_a_line_that_goes_quiet_with_the_callers_last_word_still_gets_an_answer(tmp_path):
    """The agent counts samples to notice the end of a turn: with none to count it waited for as long as the line."""
    ends_s = 1.0 + len(spoken("caller_hours", RATE)) / RATE
    async with relay_world(tmp_path, LISTENER) as world:
        script = (ASKS, Step(when=When.AT, ms=12_000, hang_up=True))
        result = await world.call(script=script, faults=LineFaults(lost=((ends_s, ends_s + 6),)))
        assert result.first_sound_s is not None
        loud = np.flatnonzero(np.abs(result.heard) > 1000)
        assert loud[0] / RATE < ends_s + 2.0
        assert abs(len(heard_by_agent(world)) - len(result.said)) <= 2 * 160
        quality = world.record(result.call_sid)["quality"]
        assert quality["caller_gap_ms"] == 6000
        assert quality["caller_lost"] == 300


@virtual
async def test_a_whole_line_is_passed_on_to_the_byte(tmp_path):
    async with relay_world(tmp_path, LISTENER) as world:
        result = await world.call(script=(ASKS, Step(when=When.AT, ms=6000, hang_up=True)))
        heard = heard_by_agent(world)
        assert len(heard) > 5 * RATE
        assert np.array_equal(heard, result.said[: len(heard)])
        quality = world.record(result.call_sid)["quality"]
        assert (quality["caller_gap_ms"], quality["caller_lost"]) == (0, 0)


async def asked_at_6_s(folder, stall_s, connects_after_s):
    """When the caller hears the answer, and how much of the caller's sound the relay dropped."""
    asks = (Step(when=When.AT, ms=6000, say="caller_hours"), Step(when=When.AT, ms=12_000, hang_up=True))
    script = msgspec.structs.replace(LISTENER, upgrade_after_s=connects_after_s)
    network = Network(0.01, stalls=((0.2, stall_s),))
    async with relay_world(folder, script) as world:
        result = await world.call(script=asks, faults=LineFaults(network=network))
        return result.first_sound_s, world.record(result.call_sid)["quality"]["caller_audio_dropped_ms"]


@pytest.mark.parametrize(("stall_s", "connects_after_s"), [(0.6, 0.0), (3.1, 0.0), (3.1, 2.9), (0.0, 2.9)])
@virtual
async def test_a_call_that_stood_still_at_its_start_is_not_late_afterwards(stall_s, connects_after_s, tmp_path):
    """What the line held up, or the relay kept for an agent that was slow to connect, reaches the agent at once, and
    what follows in real time."""
    calm_s, none = await asked_at_6_s(tmp_path / "calm", 0.0, 0.0)
    late_s, dropped_ms = await asked_at_6_s(tmp_path / "late", stall_s, connects_after_s)
    assert late_s == pytest.approx(calm_s, abs=0.05)
    assert none == 0
    assert (dropped_ms > 1000) == (connects_after_s > 0)
