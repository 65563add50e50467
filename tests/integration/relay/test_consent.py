"""A notice before the agent gets the call, and pauses that it asks for: what is heard, what is kept, what is said."""

from pathlib import Path

import pytest
from aiohttp import web

from relay.recording import recordings
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from sim.heard import find_line
from sim.serving import serving
from tests.integration.relay.test_recording import all_told, recording_world
from tests.support.virtual import virtual
from tests.unit.relay.recording.studio import AtOnce

SOUND = Path("sim/assets/agent_clinics.wav").absolute()  # 12.6 s
NOTICE = f'record = "both"\nnotice = "{SOUND}"\n'


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch):
    monkeypatch.setattr(recordings, "ThreadPoolExecutor", lambda *_: AtOnce())


@virtual
async def test_the_agent_speaks_once_the_notice_was_heard(tmp_path):
    async with recording_world(tmp_path, NOTICE) as (world, desk):
        script = (
            Step(when=When.AT, ms=4000, say="caller_hours"),
            Step(when=When.AT, ms=20_000, say="caller_hours"),
            Step(when=When.AT, ms=30_000, hang_up=True),
        )
        result = await world.call(script=script)
        await all_told(world)
        notice, greeting = (find_line(result.heard, 8000, name) for name in ("agent_clinics", "agent_greeting"))
        assert notice.is_whole
        assert greeting.is_whole
        assert 0 <= greeting.at_s - (notice.at_s + 12.56) <= 1.5
        told = desk.told(result.call_sid)
        left, right = desk.sides(result.call_sid)
        assert find_line(right, 8000, "agent_clinics").is_whole  # the proof that it was given
        let_in = told["caller_from_ms"] * 8
        assert told["caller_from_ms"] == pytest.approx((notice.at_s + 12.56) * 1000, abs=200)
        assert not left[: let_in - 160].any()  # not even what the caller said meanwhile
        assert find_line(left, 8000, "caller_hours").is_whole
        first, *_ = (event for event in desk.events(result.call_sid) if event["type"] == "call.ended")
        assert (first["turns"][0]["text"], first["turns"][0]["speaker"]) == ("[agent_clinics.wav]", "agent")
        assert first["turns"][0]["heard_ms"] == pytest.approx(12_560, abs=10)


@virtual
async def test_who_hangs_up_during_the_notice_has_said_nothing(tmp_path):
    """The agent that was reached meanwhile is let go of."""
    async with recording_world(tmp_path, NOTICE) as (world, desk):
        script = (
            Step(when=When.AT, ms=1000, say="caller_hours"),
            Step(when=When.AT, ms=12_400, hang_up=True),
        )
        result = await world.call(script=script)
        await all_told(world)
        told = desk.told(result.call_sid)
        assert told["caller_from_ms"] is None
        assert not desk.sides(result.call_sid)[0].any()
        [reached] = world.agents.conversations
        assert (reached.messages, reached.ended_by) == ([], "client")
        assert world.relay.calls == {}


@virtual
async def test_a_notice_without_a_recording_is_given_as_well(tmp_path):
    """Vendors record, too."""
    async with recording_world(tmp_path, f'notice = "{SOUND}"\n') as (world, desk):
        result = await world.call(script=(Step(when=When.AT, ms=18_000, hang_up=True),))
        await all_told(world)
        assert find_line(result.heard, 8000, "agent_clinics").is_whole
        assert find_line(result.heard, 8000, "agent_greeting").is_whole
        assert desk.pieces(result.call_sid) == {}


@virtual
async def test_a_call_that_a_look_up_keeps_from_being_recorded_is_not_said_to_be(tmp_path):
    async def answer(_):
        return web.json_response({"record": "off"})

    crm = web.Application()
    crm.router.add_post("/who", answer)
    async with (
        serving(crm) as url,
        recording_world(tmp_path, NOTICE, lookup_url=f"{url}/who", lookup_secret="secret-of-nobody") as (world, desk),
    ):
        result = await world.call(script=(Step(when=When.AT, ms=9000, hang_up=True),))
        await all_told(world)
        assert find_line(result.heard, 8000, "agent_clinics") is None
        assert find_line(result.heard, 8000, "agent_greeting").is_whole
        assert desk.pieces(result.call_sid) == {}


@virtual
async def test_an_agent_pauses_and_resumes(tmp_path):
    replies = (
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_bill", tool=ToolUse("pause_recording")),
        Reply(on="tool:pause_recording", say=("agent_hours",)),
        Reply(on="heard:caller_hours", tool=ToolUse("resume_recording")),
        Reply(on="tool:resume_recording", say=("agent_saturday",)),
    )
    agent = AgentScript(replies=replies, input_format="pcm_8000", output_format="pcm_8000")
    async with recording_world(tmp_path, 'record = "both"', agent) as (world, desk):
        script = (
            Step(when=When.AT, ms=6000, say="caller_bill"),
            Step(when=When.AT, ms=20_000, say="caller_hours"),
            Step(when=When.AT, ms=35_000, hang_up=True),
        )
        result = await world.call(script=script)
        await all_told(world)
        assert find_line(result.heard, 8000, "agent_hours").is_whole
        [pause] = desk.told(result.call_sid)["paused"]
        assert pause["why"] == "agent"
        for side in desk.sides(result.call_sid):
            assert not side[pause["from_ms"] * 8 + 400 : pause["to_ms"] * 8 - 400].any()
        _, right = desk.sides(result.call_sid)
        assert find_line(right, 8000, "agent_saturday").is_whole
        ended = next(event for event in desk.events(result.call_sid) if event["type"] == "call.ended")
        assert [(use["name"], use["status"]) for use in ended["tools"]] == [
            ("pause_recording", "done"),
            ("resume_recording", "done"),
        ]


@virtual
async def test_a_pause_of_a_call_that_is_not_recorded_is_answered(tmp_path):
    replies = (Reply(on="start", say=("agent_greeting",), tool=ToolUse("pause_recording")),)
    agent = AgentScript(replies=replies, input_format="pcm_8000", output_format="pcm_8000")
    async with recording_world(tmp_path, "", agent) as (world, _):
        await world.call(script=(Step(when=When.AT, ms=8000, hang_up=True),))
        [(_, answer)] = world.agents.conversations[0].tool_results
        assert answer == "this call is not recorded"
        assert world.agents.conversations[0].tools_done == ["pause_recording"]
