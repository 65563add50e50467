"""A frame of sound passes few functions between the two sockets: each costs every call fifty times a second."""

import inspect

from relay.audio.playout import Playout
from relay.frames import MaskedWriter
from relay.line.socket import Line
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

AGENT = AgentScript(
    replies=(Reply(on="heard:caller_hours", say=("agent_hours",)),), input_format="pcm_8000", output_format="pcm_8000"
)
SCRIPT = (Step(when=When.AT, ms=1000, say="caller_hours"), Step(when=When.AT, ms=8000, hang_up=True))


def ways(monkeypatch, owner, name):
    """The functions of ours on the stack at each call of `owner.name`, the first one first; the list grows."""
    found, original = [], getattr(owner, name)

    def watched(self, *args, **kwargs):
        frame, way = inspect.currentframe().f_back, [original.__qualname__]
        while frame is not None:
            if "/relay/" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename:
                way.insert(0, frame.f_code.co_qualname)
            frame = frame.f_back
        found.append(way)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, watched)
    return found


@virtual
async def test_seven_functions_from_the_line_to_the_agent_and_four_back_to_the_line(tmp_path, monkeypatch):
    """Whoever adds one sees it here. No task wakes up for a caller's frame."""
    sent_to_agent = ways(monkeypatch, MaskedWriter, "write")
    queued = ways(monkeypatch, Playout, "say")
    sent_to_line = ways(monkeypatch, Line, "write")
    async with relay_world(tmp_path, AGENT) as world:
        await world.call(script=SCRIPT)

    to_agent = [way for way in sent_to_agent if "Uplink.hear" in way]
    way = ["Caller._hear", "Uplink.hear", "Uplink._pass_on", "SoundOut.send", "MaskedWriter.write"]
    at_once = to_agent.count(["ShortWay.data_received", "Line._arrived", *way])
    in_turn = to_agent.count(["Caller.run", "Line.receive", *way])  # it came together with something else
    assert at_once > 300
    together = to_agent.count(["ShortWay.data_received", "Arrivals.feed_data", "Line._arrived", *way])  # in one read
    assert in_turn + together == len(to_agent) - at_once < 20

    assert queued
    read = ["Arrivals.feed_data", "Hearing.message", "Passing.arrived", "Passing.on"]
    to_queue = ["AgentEvents.take", "AgentSpeech.say", "Downlink.say", "Downlink._take", "Playout.say"]
    assert set(map(tuple, queued)) == {(*read, *to_queue)}

    assert len(sent_to_line) > 50
    on_time = [way for way in sent_to_line if way[0] == "Ticker._call"]  # the others were chosen by something new
    assert len(on_time) > 0.9 * len(sent_to_line)
    on_its_way = ("Ticker._call", "Pacer.tick", "Pacer._send_due", "Sending.frame")
    assert set(map(tuple, on_time)) == {(*on_its_way, "Line.write"), (*on_its_way, "Sending._written", "Line.write")}
