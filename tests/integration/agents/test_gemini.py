"""What only Gemini does: conversations that outlive their sockets."""

import pytest

from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.caller import Step, When
from tests.integration.agents.world import Entry, lines_heard, world
from tests.support.virtual import virtual

TALK = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_clinics", say=("agent_clinics",)),
        Reply(on="heard:caller_thanks", say=("agent_goodbye",), end_call=True),
    )
)
ASKS = (
    Step(when=When.AGENT_FINISHED, ms=500, say="caller_clinics"),
    Step(when=When.AGENT_FINISHED, ms=1500, say="caller_thanks"),
)
ALL = ("agent_greeting", "agent_clinics", "agent_goodbye")


@pytest.mark.parametrize("goes_away", [(7.0, 30.0), (12.0, 8.0), (3.0, 50.0)])
@virtual
async def test_go_away_is_followed_by_another_socket_without_a_hole(tmp_path, goes_away):
    """The vendor takes each socket back after a while, in the middle of a reply or between two; nobody notices."""
    async with world(tmp_path, Entry("front", "gemini", TALK), ambience=True) as at:
        at.fakes["front"].goes_away = goes_away
        call = await at.call(script=ASKS, max_s=60)
        at.assert_no_violations(call)
        assert [(one.name, one.is_whole) for one in lines_heard(call, ALL)] == [(name, True) for name in ALL]
        assert not [gap for gap in call.gaps if gap.length_s > 0.001]
        seen = at.seen("front")
        assert seen.record.sockets >= 2
        assert len(at.fakes["front"].conversations) == 1
        assert [turn.line for turn in seen.turns if turn.role == "user"] == ["caller_clinics", "caller_thanks"]
        assert len(at.record(call)["agents"]) == 1
        arrivals = [moment for moment, _ in seen.record.received_at]
        assert (
            max(late - early for early, late in zip(arrivals, arrivals[1:], strict=False)) < 0.1
        )  # nor does the agent


@pytest.mark.parametrize("after_s", [7.5, 12.0])
@virtual
async def test_a_lost_socket_is_replaced(tmp_path, after_s):
    """Closed with 1011 and no warning (seen in the field): resumed with the handle; a cut reply is asked for again."""
    async with world(tmp_path, Entry("front", "gemini", TALK), ambience=True) as at:
        at.fakes["front"].goes_away = (after_s, 0.0)
        call = await at.call(script=ASKS, max_s=60)
        at.assert_no_violations(call)
        assert at.record(call)["end_reason"] == "agent_ended"
        assert at.seen("front").record.sockets >= 2
        assert len(at.record(call)["agents"]) == 1


@virtual
async def test_a_reply_cut_off_with_its_socket_is_gone_on_with(tmp_path):
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="heard:caller_clinics", say=("agent_clinics",), fault=Fault(FaultKind.VANISH, 2.0)),
        ),
        burst_speed=1.2,
    )
    async with world(tmp_path, Entry("front", "gemini", script)) as at:
        call = await at.call(script=(ASKS[0],), max_s=25)
        seen = at.seen("front")
        assert seen.record.sockets == 2
        assert "Go on where you stopped" in seen.told
        assert not call.violations


@virtual
async def test_a_conversation_that_is_forgotten_goes_to_the_fallback(tmp_path):
    entries = (
        Entry("front", "gemini", TALK),
        Entry("back", "deepgram", AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),))),
    )
    async with world(tmp_path, *entries) as at:
        at.fakes["front"].goes_away, at.fakes["front"].forgets = (8.0, 0.0), True
        call = await at.call(script=ASKS, max_s=60)
        record = at.record(call)
        assert [agent["end_reason"] for agent in record["agents"]] == ["close_1011", "ended"]
        assert "not resumed" in record["agents"][0]["end_detail"]


@virtual
async def test_a_socket_that_dies_at_once_is_not_resumed_for_ever(tmp_path):
    async with world(tmp_path, Entry("front", "gemini", TALK)) as at:
        at.fakes["front"].goes_away = (2.0, 0.0)
        call = await at.call()
        assert at.record(call)["agents"][0]["end_reason"] == "close_1011"
        assert at.seen("front").record.sockets == 1


@virtual
async def test_a_tool_call_without_an_id_is_answered_by_name(tmp_path):
    transfer = {"reason": "a bill", "summary": "wants to talk about a bill"}
    script = AgentScript(
        replies=(Reply(on="start", say=("agent_transfer",), tool=ToolUse("transfer_to_human", transfer)),)
    )
    async with world(tmp_path, Entry("front", "gemini", script)) as at:
        at.fakes["front"].calls_have_ids = False
        call = await at.call()
        at.assert_no_violations(call)
        assert at.record(call)["end_reason"] == "transferred"
        assert at.seen("front").tool_results[0][0] == "transfer_to_human"
