"""An agent that sends without end: it has failed, the next one takes over, and the call beside it does not notice."""

import asyncio

import pytest

from sim.agent_script import AgentScript, Fault, FaultKind, Reply
from sim.flood import KINDS
from sim.speech import spoken
from tests.integration.agents.world import HOSTED, UNLIKE, Entry, able, holds, world
from tests.support.virtual import virtual

TAKES_OVER = AgentScript(
    replies=(Reply(on="start", say=("backup_greeting",), end_call=True),),
    input_format="pcm_8000",
    output_format="pcm_8000",
)


@pytest.mark.parametrize(
    ("vendor", "kind"),
    [
        (vendor, kind)
        for vendor in HOSTED
        if vendor in UNLIKE
        for kind in KINDS
        if kind != "tools" or vendor in able("tools")
    ],
)
@virtual
async def test_a_flood_costs_the_agent_that_sends_it(tmp_path, vendor, kind, caplog):
    """One call, 8 s: sound took 1.1 GB, text 6 GB and the relay's health check with it."""
    floods = AgentScript(replies=(), fault=Fault(FaultKind.FLOOD, 0.5, reason=kind))
    entries = (Entry("front", vendor, floods), Entry("back", "elevenlabs", TAKES_OVER))
    async with world(tmp_path, *entries) as at:
        beside = asyncio.create_task(at.call(query="?agent_id=back", max_s=20))
        call = await at.call(max_s=400)
        record = at.record(call)
        assert [(agent["alias"], agent["end_reason"]) for agent in record["agents"]] == [
            ("front", "flood"),
            ("back", "ended"),
        ]
        assert record["end_reason"] == "agent_ended"
        assert len(str(record)) < 2_000_000
        assert sum(len(entry.getMessage()) for entry in caplog.records) < 100_000
        greeting = spoken("backup_greeting", 8000)
        assert holds(call.heard, greeting)
        assert holds((await beside).heard, greeting)


@pytest.mark.parametrize("vendor", ["elevenlabs", "openai"])
@virtual
async def test_a_flood_of_remarks_is_one_too(tmp_path, vendor, caplog):
    """Error notices wrote 37 MB of log in eight seconds."""
    floods = AgentScript(replies=(), fault=Fault(FaultKind.FLOOD, 0.5, reason="remarks"))
    async with world(tmp_path, Entry("front", vendor, floods), Entry("back", "elevenlabs", TAKES_OVER)) as at:
        call = await at.call(max_s=60)
        assert at.record(call)["agents"][0]["end_reason"] == "flood"
        assert sum(len(entry.getMessage()) for entry in caplog.records) < 100_000
