"""Whole calls over networks as they are: what the caller hears, and what the record says of it."""

import pytest

from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.exotel_stream import LineFaults, LineRules
from sim.heard import find_line
from sim.network import Network
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

AGENT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_hours", say=("agent_hours",)),
    ),
    input_format="pcm_8000",
    output_format="pcm_8000",
)
SCRIPT = (
    Step(when=When.AT, ms=14_000, say="caller_hours"),
    Step(when=When.AT, ms=24_000, hang_up=True),
)


async def call_over(network: Network, tmp_path, **settings):
    """A call with a question at 14 s; its result and record."""
    async with relay_world(
        tmp_path, AGENT, settings={"ambience": "office", "ambience_volume": 0.05, **settings}
    ) as world:
        result = await world.call(script=SCRIPT, faults=LineFaults(network=network), rules=LineRules(max_ahead_s=6.0))
        return result, world.record(result.call_sid)


@pytest.mark.parametrize("seconds", [0.3, 0.9, 3.0])
@virtual
async def test_an_answer_after_a_stall_is_not_as_late_as_the_stall_was_long(seconds, tmp_path):
    """The line gets all that was held up at once, and played every answer so much later, as long as ambience ran."""
    calm, _ = await call_over(Network(0.02), tmp_path / "calm")
    stalled, record = await call_over(Network(0.02, stalls=((7.0, seconds),)), tmp_path / "stalled")
    at_s = [find_line(one.heard, one.rate_hz, "agent_hours").at_s for one in (calm, stalled)]
    assert at_s[1] - at_s[0] <= 0.2
    assert stalled.clears == ()
    assert not stalled.violations
    quality = record["quality"]
    assert quality["line_late_ms"] == pytest.approx(seconds * 1000, abs=120)
    assert find_line(stalled.heard, stalled.rate_hz, "agent_greeting").is_whole
    assert find_line(stalled.heard, stalled.rate_hz, "agent_hours").is_whole


@pytest.mark.parametrize(
    "network",
    [Network(0.03, jitter_s=0.01), Network(0.02, burst_s=0.04, burst_every_s=2.0), Network(0.01, drift_ppm=100)],
    ids=["jitter", "bursts", "another clock"],
)
@virtual
async def test_a_call_over_an_uneven_network(network, tmp_path):
    result, record = await call_over(network, tmp_path)
    for name in ("agent_greeting", "agent_hours"):
        assert find_line(result.heard, result.rate_hz, name).is_whole
    assert sum(gap.length_s for gap in result.gaps) <= 0.04
    assert not result.violations
    quality = record["quality"]
    assert quality["line_late_ms"] == 0
    assert 60 <= quality["lead_ms"] <= 200
    assert quality["line_ms"]["p50"] >= 1.8 * network.latency_s * 1000


@virtual
async def test_frames_and_lead_are_as_set(tmp_path):
    result, record = await call_over(Network(), tmp_path, frame_ms=20, lead_ms=80)
    assert record["quality"]["lead_ms"] == 80
    assert result.ahead_max_s <= 0.08 + 1e-6
    assert result.media_messages == pytest.approx(24 * 50, abs=10)
