"""The shared test suite of the seam: every vendor's agent, and a bot, must pass all of it at every line rate.

`SEAM_VENDORS=acme pytest --pyargs sim.seam` runs it for a vendor of somebody else's (docs/agents.md).
"""

import asyncio

import numpy as np
import pytest
from aiohttp import web

from relay.agents import VENDORS
from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.caller import Step, When
from sim.seam.virtual import virtual
from sim.seam.world import HOSTED, TALKING, Entry, able, holds, lines_heard, spectrum_likeness, world
from sim.serving import serving
from sim.sound import AudioFormat
from sim.speech import spoken
from sim.vendors.conversation import VendorConversation
from sim.vendors.registry import fake_of

LINE_RATES = (8000, 16000, 24000)
FAILURES = {"openai": "rate_limit_exceeded", "gemini": "MALFORMED_FUNCTION_CALL"}
"""Codes of vendors that report a turn that failed, and can be asked again."""
TRANSFER = {"target": "billing", "reason": "a bill", "summary": "wants to talk about a bill"}
GREETING = Reply(on="start", say=("agent_greeting",))
HANG_UP = (Step(when=When.AGENT_FINISHED, ms=1200, hang_up=True),)

on_every_vendor = pytest.mark.parametrize("vendor", TALKING)
with_tools = pytest.mark.parametrize("vendor", able("tools"))
with_notes = pytest.mark.parametrize("vendor", able("notes"))


def output_format(seen) -> AudioFormat:
    """What the agent spoke."""
    record = seen.record
    return AudioFormat(record.output_format if hasattr(record, "output_format") else record.script.output_format)


def expected_sound(name: str, line_hz: int, seen) -> np.ndarray | None:
    """A line as the caller must hear it to the sample; None where a resampler is between."""
    audio_format = output_format(seen)
    if audio_format.rate_hz != line_hz:
        return None
    pcm = spoken(name, line_hz)
    return audio_format.decoded(audio_format.encoded(pcm))


def test_every_vendor_that_talks_is_in_the_suite():
    of_carriers = {"exotel", "twilio"}  # no words, no tools: test_telephony.py, and real ones in tests/contract
    assert {*HOSTED, "bot", "echo", "script", *of_carriers} == set(VENDORS)


@pytest.mark.parametrize("rate_hz", LINE_RATES)
@on_every_vendor
@virtual
async def test_a_conversation(tmp_path, vendor, rate_hz):
    """Greeting, question, answer, goodbye: nothing lost, nothing louder or quieter, nothing at another pitch."""
    script = AgentScript(
        replies=(
            GREETING,
            Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True),
        )
    )
    asks = (Step(when=When.AGENT_FINISHED, ms=500, say="caller_hours"),)
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(query=f"?sample-rate={rate_hz}", script=asks)
        at.assert_no_violations(call)
        seen = at.seen("front")
        # what the caller heard
        names = ("agent_greeting", "agent_hours")
        heard = lines_heard(call, names)
        assert [(one.name, one.is_whole) for one in heard] == [(name, True) for name in names]
        for one in heard:
            assert 0.95 <= one.gain <= 1.05
            expected = spoken(one.name, rate_hz)
            start = round(one.at_s * rate_hz)
            assert spectrum_likeness(call.heard[start : start + expected.size], expected, rate_hz) > 0.99
            exact = expected_sound(one.name, rate_hz, seen)
            assert exact is None or holds(call.heard, exact)
        # what the agent heard
        (question,) = [turn for turn in seen.turns if turn.role == "user"]
        assert question.line == "caller_hours"
        assert question.likeness > 0.95
        if seen.input_hz == rate_hz and output_format(seen).sample_bytes == 2:
            assert holds(seen.received, spoken("caller_hours", rate_hz))
        # what is kept of it
        record = at.record(call)
        assert record["end_reason"] == "agent_ended"
        assert call.close_code == 1000
        assert [(turn["speaker"], turn["text"]) for turn in record["turns"]] == [
            (turn.role.replace("user", "caller"), turn.text) for turn in seen.turns
        ]
        assert not any(turn["interrupted"] for turn in record["turns"])
        for turn, one in zip([turn for turn in record["turns"] if turn["speaker"] == "agent"], heard, strict=True):
            assert abs(turn["heard_ms"] - one.length_ms) <= 110  # the last frame is filled up


@pytest.mark.parametrize("rate_hz", [8000, 24000])
@on_every_vendor
@virtual
async def test_barge_in(tmp_path, vendor, rate_hz):
    """The caller cuts in: silence at once, what still comes of the old reply is not heard, the new one is."""
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_clinics",)),
            Reply(on="heard:caller_interrupts", say=("agent_saturday",)),
        ),
        burst_speed=2.0,  # still sending when it is cut off
    )
    cuts_in = (Step(when=When.AGENT_SPEAKING, ms=2500, say="caller_interrupts"), *HANG_UP)
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(query=f"?sample-rate={rate_hz}", script=cuts_in)
        at.assert_no_violations(call)
        seen = at.seen("front")
        assert seen.interruptions == 1
        assert len(call.clears) == 1
        clinics, saturday = lines_heard(call, ("agent_clinics", "agent_saturday"))
        assert (clinics.name, clinics.is_whole) == ("agent_clinics", False)
        assert (saturday.name, saturday.is_whole) == ("agent_saturday", True)
        silent_from = call.clears[0] + 0.11  # the frame that was playing goes on to its end
        assert clinics.at_s + clinics.heard_ms / 1000 <= silent_from
        assert not call.heard[round(silent_from * rate_hz) : round((saturday.at_s - 0.1) * rate_hz)].any()
        record = at.record(call)
        assert record["quality"]["interruptions"] == 1
        cut = next(turn for turn in record["turns"] if turn["interrupted"])
        assert cut["speaker"] == "agent"
        assert abs(cut["heard_ms"] - clinics.heard_ms) <= 200  # pauses between words can't be told from silence
        if vendor != "bot":
            assert record["quality"]["late_audio_dropped_ms"] > 0
        if vendor in {"openai", *(name for name in TALKING if VENDORS[name].codec == "openai")}:
            assert seen.record.truncations == [("item_1", cut["heard_ms"])]
        if vendor == "bot":
            assert seen.record.truncations == [("", cut["heard_ms"])]
        speakers = [turn["speaker"] for turn in record["turns"]]
        assert speakers == ["agent", "caller", "agent"]


@on_every_vendor
@virtual
async def test_speech_while_the_agent_is_silent_is_no_interruption(tmp_path, vendor):
    """Most vendors report every word of the caller's; a `clear` for each would wipe the ambience for nothing."""
    script = AgentScript(replies=(GREETING, Reply(on="heard:caller_hours", say=("agent_hours",))))
    asks = (Step(when=When.AGENT_FINISHED, ms=1000, say="caller_hours"), *HANG_UP)
    async with world(tmp_path, Entry("front", vendor, script), ambience=True) as at:
        call = await at.call(script=asks)
        at.assert_no_violations(call)
        assert not call.clears
        assert not call.gaps
        assert at.record(call)["quality"]["interruptions"] == 0


@with_tools
@virtual
async def test_transfer_to_a_human(tmp_path, vendor):
    script = AgentScript(
        replies=(Reply(on="start", say=("agent_transfer",), tool=ToolUse("transfer_to_human", TRANSFER)),)
    )
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call()
        at.assert_no_violations(call)
        ((tool, result),) = at.seen("front").tool_results
        assert tool == "transfer_to_human"
        assert "error" not in result
        record = at.record(call)
        assert record["end_reason"] == "transferred"
        assert {key: record["transfer"][key] for key in TRANSFER} == TRANSFER
        (line,) = lines_heard(call, ("agent_transfer",))
        assert line.is_whole


@with_tools
@virtual
async def test_the_agent_switches_its_ambience_off(tmp_path, vendor):
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",), tool=ToolUse("control_background_sound", {"enabled": False})),
        )
    )
    steps = (Step(when=When.AGENT_FINISHED, ms=2500, hang_up=True),)
    async with world(tmp_path, Entry("front", vendor, script), ambience=True) as at:
        call = await at.call(script=steps)
        at.assert_no_violations(call)
        assert at.seen("front").tool_results[0][1] == "done"
        assert call.heard[:800].any()
        assert not call.heard[-2 * call.rate_hz :].any()


@pytest.mark.parametrize("tool", ["end_call", "transfer_to_human"])
@pytest.mark.parametrize("vendor", [name for name in able("tools") if (one := fake_of(name)) and one.announces_tools])
@virtual
async def test_what_the_caller_cut_into_is_not_carried_out(tmp_path, vendor, tool):
    """The agent announces a hang-up or a transfer with its goodbye, the caller cuts in: the vendor takes it back.

    Once the caller was hung up on, or connected to somebody they no longer wanted, in the middle of their sentence.
    A vendor that has no words for taking it back waits for an answer, and is told why nothing came of it.
    """
    parameters = TRANSFER if tool == "transfer_to_human" else {}
    script = AgentScript(
        replies=(
            Reply(on="start", say=("agent_clinics",), tool=ToolUse(tool, parameters, early=True)),
            Reply(on="heard:caller_interrupts", say=("agent_saturday",)),
        ),
        burst_speed=1.5,
    )
    cuts_in = (Step(when=When.AGENT_SPEAKING, ms=2500, say="caller_interrupts"), *HANG_UP)
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(script=cuts_in)
        at.assert_no_violations(call)
        record = at.record(call)
        assert record["end_reason"] == "caller_hung_up"
        assert record["transfer"] is None
        fake = fake_of(vendor)
        takes_back = fake is not None and fake.conversation.take_back is not VendorConversation.take_back
        results = [(name, "caller" in result) for name, result in at.seen("front").tool_results]
        assert results == ([] if takes_back else [(tool, True)])
        (saturday,) = [line for line in lines_heard(call, ("agent_saturday",)) if line.is_whole]


@pytest.mark.parametrize("vendor", TALKING)
@virtual
async def test_a_goodbye_is_heard_to_its_end(tmp_path, vendor):
    """A hang-up announced while the goodbye is still being made waits for its last word."""
    script = AgentScript(
        replies=(Reply(on="start", say=("agent_goodbye",), tool=ToolUse("end_call", {}, early=True)),), burst_speed=1.5
    )
    if vendor in {"elevenlabs", "bot"} or "tools" in VENDORS[vendor].lacks:  # these hang up by themselves
        script = AgentScript(replies=(Reply(on="start", say=("agent_goodbye",), end_call=True),))
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call()
        at.assert_no_violations(call)
        assert at.record(call)["end_reason"] == "agent_ended"
        (goodbye,) = lines_heard(call, ("agent_goodbye",))
        assert goodbye.is_whole
        assert call.duration_s < goodbye.at_s + goodbye.length_ms / 1000 + 2.5


@pytest.mark.parametrize(("vendor", "code"), [(name, code) for name, code in FAILURES.items() if name in TALKING])
@pytest.mark.parametrize("times", [1, 2])
@virtual
async def test_a_turn_that_fails_is_asked_for_once_more(tmp_path, vendor, code, times):
    """A rate limit or a fault of the server's: the caller heard nothing any more, for the rest of the call."""
    fails = Reply(on="heard:caller_hours", fails=code)
    script = AgentScript(
        replies=(GREETING, *[fails] * times, Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True))
    )
    second = AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),))
    asks = (Step(when=When.AGENT_FINISHED, ms=500, say="caller_hours"),)
    async with world(tmp_path, Entry("front", vendor, script), Entry("back", "deepgram", second)) as at:
        call = await at.call(script=asks)
        at.assert_no_violations(call)
        record = at.record(call)
        assert record["end_reason"] == "agent_ended"
        heard = "agent_hours" if times == 1 else "backup_greeting"
        assert lines_heard(call, (heard,))[0].is_whole
        assert len(record["agents"]) == times


@pytest.mark.parametrize("vendor", [vendor for vendor in able("tools") if vendor != "bot"])
@virtual
async def test_a_tool_we_do_not_have_is_answered(tmp_path, vendor):
    script = AgentScript(
        replies=(Reply(on="start", say=("agent_greeting",), tool=ToolUse("order_pizza", {"size": 3})),)
    )
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(script=HANG_UP)
        at.assert_no_violations(call)
        ((tool, result),) = at.seen("front").tool_results
        assert tool == "order_pizza"
        assert "no tool 'order_pizza'" in result


@virtual
async def test_an_agent_is_read_while_its_tool_waits(tmp_path):
    """`events` answers the vendor's pings: a call that stopped reading for the time of a tool lost the agent."""

    async def slow(request):
        await asyncio.sleep(10.0)
        return web.json_response({"status": "ok", "transfer": {"accepted": True}})

    events = web.Application()
    events.router.add_post("/", slow)
    script = AgentScript(
        replies=(Reply(on="start", say=("agent_transfer",), tool=ToolUse("transfer_to_human", TRANSFER)),),
        ping_every_s=0.5,
        pong_within_s=0.2,
    )
    async with (
        serving(events) as url,
        world(
            tmp_path, Entry("front", "elevenlabs", script), settings={"events_url": url, "events_secret": "s" * 32}
        ) as at,
    ):
        call = await at.call(max_s=30)
        at.assert_no_violations(call)  # every ping was answered in time
        assert len(at.seen("front").record.pong_delays) > 8


@on_every_vendor
@virtual
async def test_keys(tmp_path, vendor):
    script = AgentScript(replies=(GREETING, Reply(on="keys:4711", say=("agent_booking",))))
    first, *others = "4711"
    presses = (
        Step(when=When.AGENT_FINISHED, ms=500, press=first),
        *(Step(ms=300, press=key) for key in others),
        *HANG_UP,
    )
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(script=presses)
        at.assert_no_violations(call)
        assert [line.name for line in lines_heard(call, ("agent_greeting", "agent_booking"))][-1] == "agent_booking"


@with_notes
@virtual
async def test_a_note_is_known_and_not_answered(tmp_path, vendor):
    """In the middle of a sentence: nothing is cut off, nobody answers."""
    script = AgentScript(replies=(Reply(on="start", say=("agent_clinics",)), Reply(on="asked", say=("agent_hours",))))
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        calling = asyncio.create_task(at.call(script=HANG_UP))
        await asyncio.sleep(2)
        (running,) = at.relay.calls.values()
        assert await running.parts.outbox.note("A minute is left.")
        call = await calling
        at.assert_no_violations(call)
        assert [line.name for line in lines_heard(call, ("agent_clinics", "agent_hours"))] == ["agent_clinics"]
        assert lines_heard(call, ("agent_clinics",))[0].is_whole
        (note,) = at.seen("front").notes
        assert "A minute is left." in note
        assert at.record(call)["quality"]["interruptions"] == 0


@on_every_vendor
@virtual
async def test_a_note_that_wants_a_reply_gets_one(tmp_path, vendor):
    script = AgentScript(replies=(GREETING, Reply(on="asked", say=("agent_booking",))))
    ends = (Step(when=When.AT, ms=12_000, hang_up=True),)
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        calling = asyncio.create_task(at.call(script=ends))
        await asyncio.sleep(6)
        (running,) = at.relay.calls.values()
        assert await running.parts.outbox.note("Ask whether the caller is still there.", reply=True)
        call = await calling
        at.assert_no_violations(call)
        heard = lines_heard(call, ("agent_greeting", "agent_booking"))
        assert [(line.name, line.is_whole) for line in heard] == [("agent_greeting", True), ("agent_booking", True)]
        assert [turn["speaker"] for turn in at.record(call)["turns"]] == ["agent", "agent"]


@on_every_vendor
@virtual
async def test_refused(tmp_path, vendor):
    """No agent to be had and no other: the call is handed over, and the record says what happened."""
    async with world(tmp_path, Entry("front", vendor, AgentScript(upgrade_status=403))) as at:
        call = await at.call()
        record = at.record(call)
        assert record["end_reason"] == "agent_failed"
        assert call.close_code == 1000
        (agent,) = record["agents"]
        assert agent["end_reason"] == ("defect" if vendor == "bot" else "http_403")
        assert agent["vendor"] == vendor


@on_every_vendor
@virtual
async def test_dies_in_the_middle_of_a_call(tmp_path, vendor):
    script = AgentScript(replies=(Reply(on="start", say=("agent_clinics",), fault=Fault(FaultKind.VANISH, 1.0)),))
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call()
        record = at.record(call)
        assert record["end_reason"] == "agent_failed"
        assert record["agents"][0]["end_reason"] == ("defect" if vendor == "bot" else "close_1006")
        assert not call.violations


@on_every_vendor
@virtual
async def test_starts_slowly(tmp_path, vendor):
    """Three seconds until the agent is ready: the ambience plays, the greeting comes, the call goes on."""
    script = AgentScript(
        replies=(GREETING, Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True)), metadata_after_s=3.0
    )
    asks = (Step(when=When.AGENT_FINISHED, ms=500, say="caller_hours"),)
    async with world(tmp_path, Entry("front", vendor, script), ambience=True) as at:
        call = await at.call(script=asks)
        at.assert_no_violations(call)
        assert not call.gaps
        greeting, hours = lines_heard(call, ("agent_greeting", "agent_hours"))
        assert 3.0 < greeting.at_s < 3.6
        assert hours.is_whole
        assert at.record(call)["quality"]["first_audio_ms"] >= 3000


@pytest.mark.parametrize("vendor", [vendor for vendor in TALKING if vendor != "bot"])
@virtual
async def test_never_gets_ready(tmp_path, vendor):
    """Connected but silent: given up after five seconds."""
    settings = {"fallback_speech": "none"}
    async with world(tmp_path, Entry("front", vendor, AgentScript(metadata_after_s=None)), settings=settings) as at:
        call = await at.call()
        assert at.record(call)["agents"][0]["end_reason"] == "silent"
        assert 4.9 < call.duration_s < 6.0


@on_every_vendor
@virtual
async def test_keys_that_come_before_the_agent_is_ready_wait_for_it(tmp_path, vendor):
    """`#` at 300 ms while the vendor takes 600 ms: the call ended with a defect, or a healthy agent was lost."""
    script = AgentScript(
        replies=(GREETING, Reply(on="keys:5#", say=("agent_booking",), end_call=True)), metadata_after_s=0.6
    )
    early = (Step(when=When.AT, ms=150, press="5"), Step(when=When.AT, ms=300, press="#"))
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(script=early, max_s=20)
        at.assert_no_violations(call)
        record = at.record(call)
        assert [agent["end_reason"] for agent in record["agents"]] == ["ended"]
        assert record["end_reason"] == "agent_ended"


@on_every_vendor
@virtual
async def test_the_caller_hangs_up(tmp_path, vendor):
    """The conversation is closed properly, in the middle of a sentence."""
    script = AgentScript(replies=(Reply(on="start", say=("agent_clinics",)),), burst_speed=1.5)
    async with world(tmp_path, Entry("front", vendor, script)) as at:
        call = await at.call(script=(Step(when=When.AGENT_SPEAKING, ms=1000, hang_up=True),))
        at.assert_no_violations(call)
        await at.until(lambda: at.seen("front").ended_by)
        seen = at.seen("front")
        assert (seen.ended_by, seen.close_code) == ("client", 1000)
        assert at.record(call)["end_reason"] == "caller_hung_up"
        assert not at.relay.calls
