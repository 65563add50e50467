"""What only OpenAI does: truncation by item, transcripts that come late, one reply at a time."""

import pytest

from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.caller import Step, When
from tests.integration.agents.world import Entry, lines_heard, world
from tests.support.virtual import virtual


@pytest.mark.parametrize(("rate_hz", "form"), [(8000, "audio/pcma"), (16000, "audio/pcm"), (24000, "audio/pcm")])
@virtual
async def test_a_law_on_a_telephone_line_and_pcm_elsewhere(tmp_path, rate_hz, form):
    async with world(tmp_path, Entry("front", "openai", options={"voice": "cedar", "speed": 1.1})) as at:
        await at.call(query=f"?sample-rate={rate_hz}", max_s=1)
        audio = at.seen("front").record.setup["audio"]
        assert audio["input"]["format"]["type"] == audio["output"]["format"]["type"] == form
        assert (audio["output"]["voice"], audio["output"]["speed"]) == ("cedar", 1.1)


@virtual
async def test_the_callers_words_keep_their_place_though_they_come_late(tmp_path):
    """Transcription runs beside the conversation: the fake's comes after the reply has begun."""
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True),
        ),
        reply_after_ms=100,
    )
    async with world(tmp_path, Entry("front", "openai", script)) as at:
        call = await at.call(script=(Step(when=When.AGENT_FINISHED, ms=300, say="caller_hours"),), max_s=30)
        turns = at.record(call)["turns"]
        assert [turn["speaker"] for turn in turns] == ["agent", "caller", "agent"]
        assert [turn["offset_ms"] for turn in turns] == sorted(turn["offset_ms"] for turn in turns)


@virtual
async def test_every_answer_is_truncated_to_what_was_heard_of_it(tmp_path):
    """Two replies wait behind one another when the caller cuts in: the second was not heard at all."""
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",), tool=ToolUse("control_background_sound", {"volume": 0.1})),
            Reply(on="tool:control_background_sound", say=("agent_clinics",)),
            Reply(on="heard:caller_interrupts", say=("agent_saturday",)),
        ),
        reply_after_ms=0,
        burst_speed=20,
    )
    cuts_in = (
        Step(when=When.AT, ms=1500, say="caller_interrupts"),
        Step(when=When.AGENT_FINISHED, ms=1500, hang_up=True),
    )
    async with world(tmp_path, Entry("front", "openai", script), ambience=True) as at:
        call = await at.call(script=cuts_in, max_s=30)
        at.assert_no_violations(call)
        (first, heard_ms), (second, nothing) = at.seen("front").record.truncations
        assert (first, second, nothing) == ("item_1", "item_2", 0)
        assert heard_ms == at.record(call)["turns"][0]["heard_ms"]
        assert not [one for one in lines_heard(call, ("agent_clinics",)) if one.heard_ms > 300]


@virtual
async def test_a_tools_result_waits_until_the_reply_that_wanted_it_is_over(tmp_path):
    """Asking for a reply while one is made is an error, and the result would go unanswered."""
    script = AgentScript(
        replies=(
            Reply(on="start", tool=ToolUse("control_background_sound", {"volume": 0.1})),
            Reply(on="tool:control_background_sound", say=("agent_hours",), end_call=True),
        ),
    )
    async with world(tmp_path, Entry("front", "openai", script)) as at:
        call = await at.call()
        at.assert_no_violations(call)
        assert at.seen("front").tool_results[0] == ("control_background_sound", "done")
        assert lines_heard(call, ("agent_hours",))[0].is_whole


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("insufficient_quota", "insufficient_quota"),
        ("session_expired", "session_expired"),
        ("rate_limited", "close_1011"),
    ],
)
@virtual
async def test_errors_that_end_it(tmp_path, code, reason):
    """Some errors leave nothing to go on with; of the others only the close that follows ends it."""
    fault = Fault(FaultKind.CLOSE, 1.0, code=1011, reason="no more", error_type=code)
    async with world(tmp_path, Entry("front", "openai", AgentScript(fault=fault))) as at:
        call = await at.call()
        assert at.record(call)["agents"][0]["end_reason"] == reason


@virtual
async def test_the_sixty_minute_cap_is_a_failure_that_a_fallback_takes_over(tmp_path):
    """There is no way to resume: another alias goes on, told what was said."""
    expires = Fault(
        FaultKind.CLOSE, 3.0, code=1000, reason="Your session hit the maximum duration", error_type="session_expired"
    )
    entries = (
        Entry("front", "openai", AgentScript(replies=(Reply(on="start", say=("agent_greeting",)),), fault=expires)),
        Entry("again", "openai", AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),))),
    )
    async with world(tmp_path, *entries) as at:
        call = await at.call()
        assert at.record(call)["end_reason"] == "agent_ended"
        assert "agent: Good morning" in at.seen("again").history


@virtual
async def test_pcm_after_mu_law_was_asked_for_is_played_as_what_it_is(tmp_path):
    """Seen in the field: the session speaks PCM at 24 kHz. As μ-law it was noise at seven times the level."""
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True),
        )
    )
    async with world(tmp_path, Entry("front", "openai", script)) as at:
        at.fakes["front"].confirms = "pcm_24000"
        call = await at.call(script=(Step(when=When.AGENT_FINISHED, ms=500, say="caller_hours"),))
        at.assert_no_violations(call)
        heard = lines_heard(call, ("agent_greeting", "agent_hours"))
        assert [(one.name, one.is_whole) for one in heard] == [("agent_greeting", True), ("agent_hours", True)]
        assert all(0.95 <= one.gain <= 1.05 for one in heard)


@pytest.mark.beyond_the_sdk
@virtual
async def test_a_tool_call_whose_name_came_before(tmp_path):
    """The message that completes it may lack the name, which the SDK's model requires."""
    transfer = {"reason": "a bill", "summary": "wants to talk about a bill"}
    script = AgentScript(
        replies=(Reply(on="start", say=("agent_transfer",), tool=ToolUse("transfer_to_human", transfer)),)
    )
    async with world(tmp_path, Entry("front", "openai", script)) as at:
        at.fakes["front"].names_calls = False
        call = await at.call()
        at.assert_no_violations(call)
        assert at.record(call)["end_reason"] == "transferred"


@virtual
async def test_keys_pressed_before_the_answer_to_others_has_begun_are_answered_after_it(tmp_path):
    """The second request came while the first reply was being thought of: it was refused.

    The agent has nothing to say to the first keys, so the server's reply to them is empty: it holds nothing up.
    """
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="keys:5#", say=("agent_hours",)),
            Reply(on="keys:6#", say=("agent_booking",), end_call=True),
        ),
        reply_after_ms=1500,
    )
    presses = (Step(when=When.AGENT_FINISHED, ms=300, press="9#"),) + tuple(
        Step(ms=300, press=keys) for keys in ("5#", "6#")
    )
    async with world(tmp_path, Entry("front", "openai", script)) as at:
        call = await at.call(script=presses, max_s=30)
        at.assert_no_violations(call)
        said = [turn.line for turn in at.seen("front").record.turns if turn.role == "agent"]
        assert said == ["agent_greeting", "agent_hours", "agent_booking"]
        assert at.record(call)["end_reason"] == "agent_ended"
