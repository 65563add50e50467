"""The last second of a call, as the caller hears it."""

import asyncio

import numpy as np
import pytest
from msgspec.structs import replace

from relay.agents.socket import AgentSocket
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from sim.heard import find_line
from sim.seam.world import UNLIKE, Entry, world
from sim.speech import LINE_HZ, spoken
from tests.support.relay_world import GREETING, relay_world
from tests.support.told_agent import told_call
from tests.support.virtual import virtual

GOODBYE = AgentScript(
    replies=(Reply(on="start", say=("agent_goodbye",), end_call=True),),
    input_format="pcm_8000",
    output_format="pcm_8000",
)


@pytest.mark.parametrize("answer_after_s", [0.0, 0.8, 1.7])
@virtual
async def test_the_ambience_goes_on_until_the_line_is_closed_and_then_fades(answer_after_s, tmp_path):
    """While the event was being stored the line was dead: for up to two seconds before the hand-over."""
    settings = {"ambience": "office", "ambience_volume": 1.0}
    async with relay_world(tmp_path, GOODBYE, settings=settings, with_events_url=True) as world:
        world.sink.answer_after_s = answer_after_s
        result = await world.call(call_sid="call-1")  # which says where the ambience begins
    assert result.ended_by == "bot"
    assert not result.gaps
    assert not result.violations
    rate_hz = result.rate_hz
    blocks = result.heard[: len(result.heard) // 80 * 80].reshape(-1, 80).astype(int)  # 10 ms each
    loud = np.flatnonzero(np.abs(blocks).mean(axis=1) > 150)
    dead_s = len(result.heard) / rate_hz - (loud[-1] + 1) / 100
    assert dead_s <= 0.2
    assert np.abs(result.heard[-20:].astype(int)).max() <= 60, "it ends with a step"


@pytest.mark.parametrize("speed", [1.0, 5.0], ids=["in real time", "in bursts"])
@virtual
async def test_an_agent_that_hangs_up_by_tool_is_gone_a_second_after_its_last_word(speed, tmp_path):
    """The vendor does not say when its turn is over. The relay looked once a second whether it was, and the caller had
    up to two seconds of nothing."""
    says = Reply(on="start", say=("agent_goodbye",), tool=ToolUse("end_call"))
    script = replace(GOODBYE, replies=(says,), burst_speed=speed, chunk_ms=(100, 100))
    async with relay_world(tmp_path, script, settings={"ambience": "quiet"}, with_events_url=True) as world:
        result = await world.call()
    assert result.ended_by == "bot"
    assert not result.violations
    said = find_line(result.heard, result.rate_hz, "agent_goodbye")
    assert said.is_whole
    last_word_s = np.flatnonzero(np.abs(spoken("agent_goodbye").astype(int)) > 500)[-1] / LINE_HZ
    assert 0.6 <= len(result.heard) / result.rate_hz - said.at_s - last_word_s <= 1.0  # with the fade


@pytest.mark.parametrize("vendor", UNLIKE)
@virtual
async def test_an_agent_of_any_vendor_that_hangs_up_is_gone_a_second_after_its_last_word(vendor, tmp_path):
    script = AgentScript(replies=(Reply(on="start", say=("agent_goodbye",), end_call=True),))
    async with world(tmp_path, Entry("front", vendor, script), settings={"ambience": "office"}) as at:
        call = await at.call(max_s=30)
        assert at.record(call)["end_reason"] == "agent_ended"
    said = find_line(call.heard, call.rate_hz, "agent_goodbye")
    assert said.is_whole
    last_word_s = np.flatnonzero(np.abs(spoken("agent_goodbye").astype(int)) > 500)[-1] / LINE_HZ
    assert len(call.heard) / call.rate_hz - said.at_s - last_word_s <= 1.0
    assert not call.gaps
    assert np.abs(call.heard[-20:].astype(int)).max() <= 60, "it ends with a step"


@pytest.mark.parametrize("ambience", ["", "office"])
@virtual
async def test_an_agent_that_ends_the_call_and_does_not_close_is_gone_a_second_after_its_last_word(ambience, tmp_path):
    """ElevenLabs reports its `end_call`, and nothing more comes: the caller had 3.6 s of nothing."""
    words = spoken("agent_goodbye")

    async def story(agent):
        await agent.until(1)
        await agent.say(1, words, final=True)
        ending = {"tool_name": "end_call", "tool_call_id": "t1", "tool_type": "system", "is_error": False}
        await agent.tell("agent_tool_response", agent_tool_response={**ending, "is_called": True, "event_id": 1})

    call = await told_call(tmp_path, story, settings={"ambience": ambience}, hang_up_s=12)
    assert (call.result.ended_by, call.record["end_reason"]) == ("bot", "agent_ended")
    said = find_line(call.result.heard, LINE_HZ, "agent_goodbye")
    assert said.is_whole
    last_word_s = np.flatnonzero(np.abs(words.astype(int)) > 500)[-1] / LINE_HZ
    assert call.result.duration_s - said.at_s - last_word_s <= 1.0  # with the fade


@virtual
async def test_nothing_is_sent_to_a_caller_who_has_hung_up(tmp_path):
    settings = {"ambience": "office"}
    async with relay_world(tmp_path, GOODBYE, settings=settings, with_events_url=True) as world:
        world.sink.answer_after_s = 1.0
        result = await world.call(script=(Step(when=When.AT, ms=700, hang_up=True),))
    assert result.ended_by == "caller"
    assert not result.violations


@pytest.mark.parametrize("hangs_up_after_ms", [400, 900])
@virtual
async def test_nothing_is_sent_to_a_caller_who_hangs_up_during_the_hand_over(hangs_up_after_ms, tmp_path):
    """The agent has ended the call, its event is being stored slowly, and the caller does not wait for the human.

    Nobody read the line any more then, and the ambience went on into a stream that was over.
    """
    settings = {"ambience": "office"}
    async with relay_world(tmp_path, GOODBYE, settings=settings, with_events_url=True) as world:
        world.sink.answer_after_s = 1.9
        result = await world.call(script=(Step(when=When.AGENT_FINISHED, ms=hangs_up_after_ms, hang_up=True),))
        await world.until(lambda: world.sink.of("ended"))
    assert result.ended_by == "caller"
    assert not result.violations
    (ended,) = world.sink.of("ended")
    assert ended["end_reason"] == "agent_ended"


@virtual
async def test_nothing_is_sent_after_stop_while_an_agent_is_slow_to_close(tmp_path, monkeypatch):
    """The caller hangs up on an agent whose connection does not answer a close frame: its farewell takes seconds.

    The ambience went on for as long, into a stream that was over.
    """
    close = AgentSocket.close

    async def slowly(socket):
        await asyncio.sleep(1.5)
        await close(socket)

    monkeypatch.setattr(AgentSocket, "close", slowly)
    async with relay_world(tmp_path, GREETING, settings={"ambience": "office"}, with_events_url=True) as world:
        result = await world.call(script=(Step(when=When.AT, ms=1500, hang_up=True),))
    assert result.ended_by == "caller"
    assert not result.violations
