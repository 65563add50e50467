"""What wakes the relay in a call in which nobody speaks: each frame once, in either direction, and nothing else."""

import asyncio

import pytest

from tests.support.told_agent import told_call
from tests.unit.relay.test_loop import LikeUvloop, Rounded, SpinningError


def turns_of_a_minute(folder, ambience: str, loop_factory=Rounded) -> int:
    """Turns of the loop, those of the fake line and agent among them, from the tenth second of a call on."""
    seen = []

    async def story(agent):
        await agent.until(10)
        seen.append(agent.loop.iterations)
        await agent.until(70)
        seen.append(agent.loop.iterations)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        call = runner.run(told_call(folder, story, settings={"ambience": ambience}, hang_up_s=71))
    assert call.quality["frames_in"] >= 3500
    assert (call.quality["frames_out"] >= 1700) == bool(ambience)
    return seen[1] - seen[0]


def test_an_idle_minute_of_a_whole_call(tmp_path):
    """The pacer woke the loop some hundred times a frame: each deadline fired early, and it asked for it again."""
    silent, with_ambience = turns_of_a_minute(tmp_path, ""), turns_of_a_minute(tmp_path, "office")
    assert silent <= 6.5 * 3000, "the line's frame, and the agent's: sent, read and passed on"
    assert with_ambience - silent <= 60 / 0.04, "a frame of ambience"


def test_on_timers_that_fire_early_a_whole_call_spins(tmp_path):
    """The test above can fail."""
    with pytest.raises(SpinningError):
        turns_of_a_minute(tmp_path, "office", LikeUvloop)
