"""A call of the softphone's, through the real relay, without a browser."""

import asyncio

from console.softphone.address import Address
from console.softphone.call import PhoneCall
from console.softphone.line import Cleared, Echoed, Marked
from console.softphone.messages import PROBE, happened
from sim import virtual_time
from sim.heard import find_line
from tests.support.relay_world import relay_world


def test_a_call_is_heard_marked_saved_and_hung_up(tmp_path):
    async def whole_call():
        async with relay_world(tmp_path) as world:
            beats, events = [], []
            address = Address.parse(f"{world.media_url}?sample-rate=16000&tenant=acme")
            call = PhoneCall(
                address, 16000, from_="09876500001", to="08047100002", on_beat=beats.append, on_line=events.append
            )
            running = asyncio.create_task(call.run(lambda: None))
            await world.until(lambda: any(isinstance(event, Echoed) and happened(event, 0) for event in events))
            call.handset.hang_up()
            ended = await running
            await world.until(lambda: (tmp_path / "logs" / f"{call.call_sid}.json").exists())
            await asyncio.to_thread(call.save, tmp_path / "call.wav")
            return world.agents.conversations[0], world.record(call.call_sid), ended, beats, events, call

    conversation, record, ended, beats, events, call = virtual_time.run(whole_call())
    assert (ended.by, record["end_reason"]) == ("caller", "caller_hung_up")
    assert conversation.variables["tenant"] == "acme"
    assert beats[0].found == []
    told = [event for event in events if isinstance(event, Marked | Echoed | Cleared) and happened(event, 0)]
    assert [type(event) for event in told] == [Marked, Echoed], "the relay's own probes are not told"
    assert any(isinstance(event, Echoed) and event.name.startswith(PROBE) for event in events)
    heard = find_line(call.playout.heard(ended.duration_s), 16000, "agent_greeting")
    assert heard is not None
    assert heard.is_whole
    assert call.violations == []
    assert (tmp_path / "call.wav").stat().st_size > 16000 * 4 * (ended.duration_s - 0.1)


def test_a_dropped_line_is_noticed_by_the_relay(tmp_path):
    async def whole_call():
        async with relay_world(tmp_path) as world:
            beats = []
            call = PhoneCall(
                Address.parse(world.media_url), 8000, from_="", to="", on_beat=beats.append, on_line=lambda event: None
            )
            running = asyncio.create_task(call.run(lambda: None))
            await world.until(lambda: len(beats) > 50)
            call.drop()
            ended = await running
            await world.until(lambda: (tmp_path / "logs" / f"{call.call_sid}.json").exists())
            return ended, world.record(call.call_sid)

    ended, record = virtual_time.run(whole_call())
    assert ended.by == "dropped"
    assert record["end_reason"] == "line_lost"
