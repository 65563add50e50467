"""The caller's sound on lines that lose it, whole calls in virtual time: what the agent gets to hear."""

import json

import msgspec
import numpy as np
import pytest

from relay.audio.loudness import LevelMeter
from sim.agent_script import AgentScript, Reply
from sim.caller import Doing, Step, When
from sim.exotel_spelling import Writer
from sim.exotel_stream import LineFaults
from sim.network import Network
from sim.speech import spoken
from tests.support.relay_world import relay_world
from tests.support.told_agent import told_call
from tests.support.virtual import virtual
from tests.unit.relay.tone import largest_step

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


class Speaker:
    """Says this from the first second on, and hangs up a second after it."""

    def __init__(self, said):
        self.said = np.concatenate([np.zeros(RATE, np.int16), said, np.zeros(RATE, np.int16)])

    def frame(self, at_ms, heard, size):
        at = round(at_ms * RATE / 1000)
        pcm = self.said[at : at + size]
        return Doing(pcm if len(pcm) == size else None, hang_up=len(pcm) < size)


@pytest.mark.parametrize("gain", [0.2, 20.0])
@virtual
async def test_how_loud_the_caller_was_and_how_often_at_full_scale_is_in_the_record(gain, tmp_path):
    said = np.clip(spoken("caller_hours", RATE) * gain, -32768, 32767).astype(np.int16)
    meter = LevelMeter(RATE)
    meter.hear(said.tobytes())
    call = await told_call(tmp_path, silent, caller=lambda rate_hz: Speaker(said))
    assert call.quality["caller_level_db"] == pytest.approx(meter.level_db, abs=0.5)
    assert call.quality["caller_clipped"] == np.count_nonzero(np.abs(said.astype(int)) >= 32767)


async def silent(agent):
    """Only listens."""
    await agent.until(60)


@pytest.mark.parametrize("hole_ms", [20, 60, 80, 400, 2000])
@virtual
async def test_a_short_hole_in_a_word_is_concealed_and_a_long_one_is_silence(hole_ms, tmp_path):
    """Lost frames were closed up, with a crack of up to 9,107 at each joint."""
    lost = LineFaults(lost=((1.5, 1.5 + hole_ms / 1000),))
    call = await told_call(tmp_path, silent, script=(ASKS,), hang_up_s=6, faults=lost)
    heard, said = call.agents[0].sound(), call.result.said
    first, last = round(1.5 * RATE), round((1.5 + hole_ms / 1000) * RATE)
    assert len(heard) == len(said)
    assert np.array_equal(heard[:first], said[:first])
    assert np.array_equal(heard[last:], said[last:])
    hole = heard[first:last]
    assert np.count_nonzero(hole) >= 0.9 * len(hole) if hole_ms <= 60 else np.count_nonzero(hole) <= 0.02 * RATE
    around = heard[first - 800 : last + 800]
    assert largest_step(around) <= max(largest_step(said[first - 800 : first]), largest_step(said[last : last + 800]))
    assert (call.quality["caller_gap_ms"], call.quality["caller_lost"]) == (hole_ms, hole_ms // 20)


@virtual
async def test_while_the_line_sends_nothing_silence_comes_in_real_time(tmp_path):
    """Voice detection that counts samples never saw the end of a turn."""
    call = await told_call(tmp_path, silent, script=(ASKS,), hang_up_s=6, faults=LineFaults(lost=((3.0, 5.0),)))
    offset = call.agents[0].began - call.result.started_at
    came, sound_s = [], 0.0
    for at, data in call.agents[0].heard:
        sound_s += len(data) / 2 / RATE
        came.append((at + offset, sound_s))
    behind = [at - until for at, until in came if 3.4 <= at <= 5.0]
    assert len(behind) >= 75, "a message for each 20 ms"
    assert max(behind) <= 0.03
    assert max(at - until for at, until in came if at < 3.4) <= 0.31, "patience with a network that stands still"


def shifted(stamp):
    """A line with other numbers: `stamp(count)` gives chunk and timestamp of its frame `count`, from 1."""
    media = Writer.media

    def spelt(writer, count, pcm):
        chunk, timestamp = stamp(count)
        told = json.loads(media(writer, count, pcm))
        told["media"] |= {"chunk": str(chunk), "timestamp": str(timestamp)}
        return json.dumps(told)

    return spelt


@pytest.mark.parametrize(
    "stamp",
    [
        lambda count: (count, count * 22),
        lambda count: (count, count * 20 % 1000),
        lambda count: (1, count * 20),
        lambda count: (count, 0),
        lambda count: (count * 2, count * 20),
        lambda count: (count + 1000 * (count > 100), count * 20 + 20_000 * (count > 100)),
        lambda count: (count, 1_795_428_000_000 + count * 20),
    ],
    ids=["run ahead", "restart", "one chunk", "no time", "every second chunk", "jump", "since 1970"],
)
@virtual
async def test_a_line_that_counts_wrongly_is_passed_on_to_the_bit(stamp, tmp_path, monkeypatch):
    """Real lines run ahead, restart and repeat themselves: nothing is missing, so nothing is filled in."""
    monkeypatch.setattr(Writer, "media", shifted(stamp))
    call = await told_call(tmp_path, silent, script=(ASKS,), hang_up_s=5)
    assert np.array_equal(call.agents[0].sound(), call.result.said)
    assert (call.quality["caller_gap_ms"], call.quality["caller_lost"]) == (0, 0)


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
