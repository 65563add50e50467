"""An agent that can't be had or dies: the caller is passed on, never dropped into silence."""

import asyncio
from hashlib import sha256

import pytest
from msgspec import structs

from sim.agent_script import AgentScript, Fault, FaultKind, Reply
from sim.caller import Step, When
from sim.speech import ASSETS, spoken
from tests.support.relay_world import GREETING, relay_world
from tests.support.virtual import virtual

WAIT = ()
GOODBYE = structs.replace(GREETING, replies=(Reply(on="start", say=("agent_greeting",), end_call=True),))
TWO_AGENTS = """
[agents.front]
id = "agent_0"
fallback = "backup"
[agents.backup]
id = "agent_1"
"""
CLOSE_CODES = (1002, 1008, 1011, 3000, 4300)

FAILURES = {
    "refused": structs.replace(GREETING, upgrade_status=503),
    "signed_url_forbidden": structs.replace(GREETING, signed_url_status=403),
    "silent": structs.replace(GREETING, metadata_after_s=None),
    "vanishes": structs.replace(GREETING, replies=(), fault=Fault(FaultKind.VANISH, 2.0)),
    "queue_times_out": structs.replace(GREETING, metadata_after_s=None, queue=((1.0, "waiting"), (5.0, "timed_out"))),
    **{
        f"closes_{code}": structs.replace(GREETING, replies=(), fault=Fault(FaultKind.CLOSE, 1.0, code, "planted"))
        for code in CLOSE_CODES
    },
}


@pytest.mark.parametrize("failure", FAILURES)
@virtual
async def test_the_backup_takes_over(tmp_path, failure):
    """Whatever ails the first agent, the second one greets the caller on the same line, and the record shows both."""
    async with relay_world(tmp_path, FAILURES[failure], GOODBYE, agents_toml=TWO_AGENTS) as world:
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "agent_ended"
        assert [agent["alias"] for agent in record["agents"]] == ["front", "backup"]
        assert record["agents"][0]["end_reason"] not in {"", "ended"}
        assert record["agent"]["alias"] == "backup"
        assert record["turns"][-1]["heard_ms"] == len(spoken("agent_greeting", 8000)) * 1000 // 8000
        assert record["agents_version"] == f"file-{sha256(TWO_AGENTS.encode()).hexdigest()[:12]}"
        assert not result.violations


@virtual
async def test_the_ambience_never_stops_while_agents_change(tmp_path):
    settings = {"ambience": "office"}
    async with relay_world(tmp_path, FAILURES["silent"], GOODBYE, agents_toml=TWO_AGENTS, settings=settings) as world:
        result = await world.call(script=WAIT)
        assert not result.gaps
        assert world.record(result.call_sid)["quality"]["gaps"] == 0


@virtual
async def test_a_half_dead_agent_is_noticed(tmp_path):
    """No FIN ever comes from a machine that lost its power: unanswered pings tell, and the backup takes over."""
    deaf = structs.replace(GREETING, fault=Fault(FaultKind.DEAF, 1.0))
    async with relay_world(tmp_path, deaf, GOODBYE, agents_toml=TWO_AGENTS) as world:
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert [agent["alias"] for agent in record["agents"]] == ["front", "backup"]
        assert record["duration_s"] < 40


@virtual
async def test_the_agent_that_takes_over_knows_what_was_said(tmp_path):
    dying = structs.replace(GREETING, fault=Fault(FaultKind.VANISH, 6.0))
    async with relay_world(tmp_path, dying, GOODBYE, agents_toml=TWO_AGENTS) as world:
        await world.call(script=WAIT)
        [first, second] = world.agents.conversations
        assert first.variables["recent_history"] == ""
        assert second.variables["recent_history"].startswith("agent: Good morning")


@virtual
async def test_with_no_agent_left_a_spoken_line_and_the_hand_over(tmp_path):
    speech = ASSETS / "agent_goodbye.wav"
    async with relay_world(tmp_path, FAILURES["refused"], settings={"fallback_speech": str(speech)}) as world:
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert (record["end_reason"], record["ended_by"]) == ("agent_failed", "relay")
        assert "503" in record["end_detail"]
        line = spoken("agent_goodbye", 8000)
        assert abs((abs(result.heard) > 0).sum() - (abs(line) > 0).sum()) < 200
        assert result.close_code == 1000


@virtual
async def test_a_backup_that_fails_too_does_not_loop(tmp_path):
    """front falls back to backup and backup to front: each is tried, and front once more because it was so quick."""
    circle = TWO_AGENTS + 'fallback = "front"\n'
    async with relay_world(tmp_path, FAILURES["refused"], FAILURES["refused"], agents_toml=circle) as world:
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "agent_failed"
        assert [agent["alias"] for agent in record["agents"]] == ["front", "backup", "front"]


@virtual
async def test_a_queue_that_admits_is_waited_for(tmp_path):
    """An agent at its limit lets callers wait; the ambience plays, and the greeting comes when there is room."""
    queued = structs.replace(GOODBYE, metadata_after_s=20.0, queue=((0.5, "waiting"), (19.0, "admitted")))
    async with relay_world(tmp_path, queued, settings={"ambience": "office"}) as world:
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "agent_ended"
        assert record["quality"]["agent_connect_ms"] >= 19_000
        assert not result.gaps


@virtual
async def test_an_agent_that_is_not_configured_is_not_dialled(tmp_path):
    """The query asks for an agent nobody configured: the call is handed over, and the log names those there are."""
    async with relay_world(tmp_path) as world:
        result = await world.call(url=f"{world.media_url}?agent_id=agent_of_somebody_else", script=WAIT)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "unknown_agent"
        assert "agent_of_somebody_else" in record["end_detail"]
        assert "default" in record["end_detail"]
        assert not world.agents.conversations


@virtual
async def test_a_defect_of_ours_ends_one_call(tmp_path, monkeypatch):
    """An exception nobody thought of: that call is handed over with the defect in its record, others go on."""
    async with relay_world(tmp_path) as world:
        fine = asyncio.create_task(world.call(script=(Step(when=When.AGENT_FINISHED, ms=3000, hang_up=True),)))
        await world.until(lambda: len(world.relay.calls) == 1)
        with monkeypatch.context() as patch:
            patch.setattr("relay.audio.playout.Playout.complete", lambda self, utterance: 1 / 0)
            broken = await world.call(script=WAIT)
        record = world.record(broken.call_sid)
        assert record["end_reason"] == "agent_failed"
        assert "ZeroDivisionError" in record["end_detail"]
        await fine


@virtual
async def test_caller_hangs_up_while_the_agent_connects(tmp_path):
    """Nobody is left hanging: the half-open conversation is closed, and the record says who ended the call."""
    slow = AgentScript(metadata_after_s=6.0)
    async with relay_world(tmp_path, slow) as world:
        result = await world.call(script=(Step(when=When.AT, ms=1000, hang_up=True),))
        await world.until(lambda: world.relay.streams == 0)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "caller_hung_up"
        assert record["duration_s"] < 2
