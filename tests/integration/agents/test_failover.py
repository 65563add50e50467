"""An agent fails inside a call and the next one takes over: for pairs of vendors, and for each way to fail."""

import pytest

from sim.agent_script import AgentScript, Fault, FaultKind, Reply
from sim.caller import Step, When
from sim.speech import line, spoken, write_wav
from tests.integration.agents.world import TALKING, UNLIKE, Entry, lines_heard, world
from tests.support.virtual import virtual

DYING = AgentScript(replies=(Reply(on="start", say=("agent_greeting",), fault=Fault(FaultKind.VANISH, 1.5)),))
TAKING_OVER = AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),))

# Pairs like the black fields of a chessboard: each vendor dies before every second of the others and takes over from as
# many. What one session is told of another is the same text whoever that was, so all pairs would say no more.
PAIRS = [
    *((front, back) for place, front in enumerate(UNLIKE) for back in UNLIKE[(place + 1) % 2 :: 2]),
    *((front, back) for front in UNLIKE for back in ("script", "echo")),
]


def second(tmp_path, vendor, script=TAKING_OVER):
    """The agent to take over. A script can't talk: it plays a file and ends the call."""
    if vendor == "script":
        write_wav(tmp_path / "goodbye.wav", 8000, spoken("backup_greeting"))
        steps = {"goodbye": {"play": [str(tmp_path / "goodbye.wav")], "text": "Goodbye."}}
        return Entry("back", vendor, options={"steps": steps})
    return Entry("back", vendor, script)


@pytest.mark.parametrize(("front", "back"), PAIRS)
@virtual
async def test_the_second_takes_over_when_the_first_dies(tmp_path, front, back):
    """The caller hears the second agent on the same line, the ambience never stops, the record shows both."""
    entries = (Entry("front", front, DYING), second(tmp_path, back))
    steps = ()
    if back == "echo":  # only says what it is told
        steps = (
            Step(when=When.AT, ms=5000, say="caller_thanks"),
            Step(when=When.AGENT_FINISHED, ms=1000, hang_up=True),
        )
    async with world(tmp_path, *entries, ambience=True) as at:
        call = await at.call(script=steps, max_s=20)
        at.assert_no_violations(call)
        assert not [gap for gap in call.gaps if gap.length_s > 0.001]
        record = at.record(call)
        assert [agent["vendor"] for agent in record["agents"]] == [front, back]
        assert record["agents"][0]["end_reason"] == ("defect" if front == "bot" else "close_1006")
        assert record["end_reason"] == ("caller_hung_up" if back == "echo" else "agent_ended")
        (taken_over,) = lines_heard(call, ("caller_thanks" if back == "echo" else "backup_greeting",))
        assert taken_over.is_whole
        if back in TALKING:  # the others have no use for what was said
            seen = at.seen("back")
            assert line("agent_greeting").text in seen.history + seen.told


@pytest.mark.parametrize("back", TALKING)
@virtual
async def test_the_second_agent_gets_the_whole_conversation(tmp_path, back):
    """Both sides' words, in order, and the conversation goes on from there."""
    dying = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="heard:caller_hours", say=("agent_hours",), fault=Fault(FaultKind.VANISH, 1.5)),
        )
    )
    going_on = AgentScript(
        replies=(
            Reply(on="start", say=("backup_greeting",)),
            Reply(on="heard:caller_thanks", say=("agent_goodbye",), end_call=True),
        )
    )
    steps = (
        Step(when=When.AGENT_FINISHED, ms=500, say="caller_hours"),
        Step(when=When.AGENT_FINISHED, ms=1500, say="caller_thanks"),
    )
    entries = (Entry("front", "openai", dying), second(tmp_path, back, going_on))
    async with world(tmp_path, *entries) as at:
        call = await at.call(script=steps, max_s=40)
        at.assert_no_violations(call)
        seen = at.seen("back")
        told = seen.history + seen.told
        before = [line(name).text for name in ("agent_greeting", "caller_hours", "agent_hours")]
        assert [told.find(text) >= 0 for text in before] == [True] * 3
        assert [told.find(text) for text in before] == sorted(told.find(text) for text in before)
        after = [line(name).text for name in ("backup_greeting", "caller_thanks", "agent_goodbye")]
        assert [turn["text"] for turn in at.record(call)["turns"]] == before + after


@pytest.mark.parametrize(
    ("how", "reason", "limit_s"),
    [
        (AgentScript(upgrade_status=503), "http_503", 1.0),
        (AgentScript(metadata_after_s=None), "silent", 6.0),
        (AgentScript(), "no_audio", 5.0),  # connected and ready, but says nothing
    ],
    ids=["refuses", "never gets ready", "says nothing"],
)
@pytest.mark.parametrize("front", UNLIKE)
@virtual
async def test_the_second_takes_over_when_the_first_is_not_available(tmp_path, front, how, reason, limit_s):
    """Each way in which an agent is not there at the beginning; how long the caller waits at most."""
    more = {"first_audio_seconds": 4} if reason == "no_audio" else {}
    if front == "bot":  # has no socket that could refuse or be silent
        reason = {"http_503": "defect", "silent": "no_audio"}.get(reason, reason)
        more = {"first_audio_seconds": 4}
    entries = (Entry("front", front, how, more=more), second(tmp_path, "script"))
    async with world(tmp_path, *entries, ambience=True) as at:
        call = await at.call()
        assert not call.violations
        assert not [gap for gap in call.gaps if gap.length_s > 0.001]
        record = at.record(call)
        assert [agent["end_reason"] for agent in record["agents"]] == [reason, "ended"]
        (greeting,) = lines_heard(call, ("backup_greeting",))
        assert greeting.is_whole
        assert greeting.at_s < limit_s


@virtual
async def test_agents_that_hang_do_not_delay_the_next(tmp_path):
    """A vendor that neither answers nor closes: its two seconds of closing were once added to the silence."""
    entries = (
        Entry("front", "openai", AgentScript(fault=Fault(FaultKind.DEAF)), more={"first_audio_seconds": 3}),
        second(tmp_path, "script"),
    )
    async with world(tmp_path, *entries, ambience=True) as at:
        call = await at.call()
        (greeting,) = lines_heard(call, ("backup_greeting",))
        assert 3.0 <= greeting.at_s < 3.3


@virtual
async def test_the_caller_is_heard_by_the_agent_that_takes_over(tmp_path):
    """What the caller says while the second agent connects reaches it, at most the last second and a half."""
    slow = AgentScript(
        replies=(Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True),), metadata_after_s=1.0
    )
    entries = (
        Entry("front", "deepgram", AgentScript(fault=Fault(FaultKind.VANISH, 0.5))),
        Entry("back", "gemini", slow),
    )
    asks = (Step(when=When.AT, ms=700, say="caller_hours"),)
    async with world(tmp_path, *entries) as at:
        call = await at.call(script=asks, max_s=20)
        at.assert_no_violations(call)
        assert [turn.line for turn in at.seen("back").turns if turn.role == "user"] == ["caller_hours"]
        assert at.record(call)["end_reason"] == "agent_ended"


@virtual
async def test_three_agents_one_after_another(tmp_path):
    """The chain is walked to its end, each agent once, and what all of them said reaches the last."""
    entries = (
        Entry("one", "openai", AgentScript(upgrade_status=500)),
        Entry("two", "bot", DYING),
        Entry("three", "deepgram", TAKING_OVER),
    )
    async with world(tmp_path, *entries, ambience=True) as at:
        call = await at.call(max_s=20)
        record = at.record(call)
        assert [agent["alias"] for agent in record["agents"]] == ["one", "two", "three"]
        assert record["agent"]["alias"] == "three"
        assert line("agent_greeting").text in at.seen("three").history
