"""Whole calls through the real relay, in virtual time: what the caller hears, what the record says."""

import asyncio
import json

import numpy as np
import pytest
from msgspec import structs

from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.caller import Step, When
from sim.exotel_spelling import Spelling
from sim.exotel_stream import LineFaults
from sim.sound import alaw_decoded, alaw_encoded, mulaw_decoded, mulaw_encoded
from sim.speech import spoken
from tests.support.relay_world import GREETING, relay_world
from tests.support.virtual import virtual

WAIT = ()
GOODBYE = AgentScript(
    replies=(Reply(on="start", say=("agent_greeting",), end_call=True),),
    input_format="pcm_8000",
    output_format="pcm_8000",
)
HANG_UP_AFTER_GREETING = (Step(when=When.AGENT_FINISHED, ms=500, hang_up=True),)


def dies(code: int = 1011, *, after_s: float = 0.0, kind: FaultKind = FaultKind.CLOSE) -> AgentScript:
    """An agent that says nothing and goes."""
    return AgentScript(fault=Fault(kind=kind, after_s=after_s, code=code, reason="planted"))


@virtual
async def test_every_sample_of_the_agent_reaches_the_caller_untouched(tmp_path):
    """Equal formats pass byte for byte (D3), and a goodbye is played out before the line is closed (D5)."""
    async with relay_world(tmp_path, GOODBYE) as world:
        result = await world.call(script=WAIT)
        line = spoken("agent_greeting", 8000)
        start = round(result.first_sound_s * 8000)
        heard = result.heard
        offset = next(n for n in range(len(heard)) if np.any(heard[n]))
        first = next(n for n in range(len(line)) if line[n])
        begin = offset - first
        assert np.array_equal(heard[begin : begin + len(line)], line)
        assert start >= 0
        assert not np.any(heard[:begin])
        assert result.ended_by == "bot"
        assert result.close_code == 1000
        assert not result.violations
        record = world.record(result.call_sid)
        assert record["end_reason"] == "agent_ended"
        assert record["turns"][0]["heard_ms"] == len(line) * 1000 // 8000


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@virtual
async def test_a_line_of_any_rate_keeps_the_pitch(tmp_path, rate_hz):
    """The agent speaks 16 kHz; whatever the line's rate, the caller hears the same words at the same speed."""
    agent = AgentScript(replies=GOODBYE.replies)
    async with relay_world(tmp_path, agent) as world:
        result = await world.call(url=f"{world.media_url}?sample-rate={rate_hz}", script=WAIT)
        assert result.rate_hz == rate_hz
        original, heard = spoken("agent_greeting", rate_hz).astype(float), result.heard.astype(float)
        assert abs(np.count_nonzero(np.abs(heard) > 200) / np.count_nonzero(np.abs(original) > 200) - 1) < 0.05
        lags = np.fft.irfft(np.fft.rfft(heard, 2 * len(heard)) * np.conj(np.fft.rfft(original, 2 * len(heard))))
        likeness = lags.max() / np.sqrt((heard**2).sum() * (original**2).sum())
        assert likeness > 0.97
        assert not result.violations


@pytest.mark.parametrize(
    ("word", "decoded"),
    [("mulaw", mulaw_decoded), ("audio/x-mulaw;rate=8000", mulaw_decoded), ("PCMU", mulaw_decoded)]
    + [("alaw", alaw_decoded)],
)
@virtual
async def test_a_line_that_writes_g711_is_heard_and_understood(tmp_path, word, decoded):
    """Streams of ExoML and the Legs API are mu-law unless asked: taken for PCM both sides heard noise at full level.

    What the caller hears and what the agent gets is the sound itself, as exact as the law can write it.
    """
    encoded = mulaw_encoded if decoded is mulaw_decoded else alaw_encoded
    async with relay_world(tmp_path) as world:
        script = (
            Step(when=When.AGENT_FINISHED, ms=2000, say="caller_hours"),
            Step(when=When.THEN, ms=500, hang_up=True),
        )
        result = await world.call(script=script, spelling=Spelling(encoding=word))
        assert not result.violations
        line = decoded(encoded(spoken("agent_greeting", 8000)))
        loud = np.flatnonzero(np.abs(result.heard) > 100)[0] - np.flatnonzero(np.abs(line) > 100)[0]
        assert np.array_equal(result.heard[loud : loud + len(line)], line)
        [conversation] = world.agents.conversations
        received = np.frombuffer(bytes(conversation.received), dtype="<i2")
        assert len(received) > 8000
        assert np.array_equal(received, decoded(encoded(result.said))[: len(received)])


@virtual
async def test_a_start_with_its_ids_beside_it_is_a_call(tmp_path):
    """One generation writes call_sid at the top level only: the call never began."""
    async with relay_world(tmp_path) as world:
        result = await world.call(script=HANG_UP_AFTER_GREETING, spelling=Spelling(flat_start=True))
        record = world.record(result.call_sid)
        assert (record["end_reason"], record["from"]) == ("caller_hung_up", "+919876500001")


@virtual
async def test_a_time_beyond_all_numbers_does_not_end_the_call(tmp_path):
    """A `timestamp` of 400 digits raised OverflowError in the look at the first second, and the call was over."""
    raw = tuple(
        (0.1 + n / 50, '{"event":"media","media":{"timestamp":%s,"payload":"AAAA"}}' % (n or 1)) for n in range(60)
    )
    huge = tuple((at, text.replace('"timestamp":', '"timestamp":' + "9" * 400, 1)) for at, text in raw[50:])
    async with relay_world(tmp_path) as world:
        result = await world.call(script=HANG_UP_AFTER_GREETING, faults=LineFaults(raw=raw[:50] + huge))
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"


@virtual
async def test_the_callers_first_words_are_kept_while_the_agent_connects(tmp_path):
    """Sound that comes before the metadata waits in a bounded buffer and is sent first, in order."""
    agent = structs.replace(GREETING, metadata_after_s=0.9)
    async with relay_world(tmp_path, agent) as world:
        script = (Step(when=When.AT, ms=0, say="caller_hours"), Step(when=When.THEN, ms=3000, hang_up=True))
        result = await world.call(script=script)
        [conversation] = world.agents.conversations
        received = np.frombuffer(bytes(conversation.received), dtype="<i2")
        assert len(received) > 8000 * 4
        assert np.array_equal(received, result.said[: len(received)])
        assert world.record(result.call_sid)["quality"]["caller_audio_dropped_ms"] == 0


@virtual
async def test_a_slow_agent_gets_the_latest_second_and_a_half(tmp_path):
    """An agent that takes five seconds must not be told what was said five seconds ago at five times the speed."""
    agent = structs.replace(GREETING, metadata_after_s=5.0)
    async with relay_world(tmp_path, agent) as world:
        result = await world.call(script=(Step(when=When.AT, ms=7000, hang_up=True),))
        [conversation] = world.agents.conversations
        assert not conversation.violations
        quality = world.record(result.call_sid)["quality"]
        assert 3400 <= quality["caller_audio_dropped_ms"] <= 3700


@virtual
async def test_the_second_socket_of_a_call_replaces_the_first(tmp_path):
    """Exotel retries a handshake it lost: two sockets of one CallSid, the later one is the call."""
    async with relay_world(tmp_path, with_events_url=True) as world:
        first = asyncio.create_task(world.call(call_sid="same", script=WAIT))
        await world.until(lambda: len(world.agents.conversations) == 1)
        second = await world.call(call_sid="same", script=HANG_UP_AFTER_GREETING)
        lost = await first
        assert (lost.ended_by, second.ended_by) == ("bot", "caller")
        reasons = [event["end_reason"] for event in world.sink.of("ended")]
        assert reasons == ["replaced", "caller_hung_up"]
        assert {event["stream_sid"] for event in world.sink.of("ended")} == {lost.stream_sid, second.stream_sid}
        assert world.relay.calls == {}


@pytest.mark.parametrize(
    ("faults", "expected"),
    [(LineFaults(no_start=True), "call_never_started"), (LineFaults(stop_before_start_s=0.5), "call_never_started")],
)
@virtual
async def test_a_line_that_never_starts_is_closed(tmp_path, faults, expected, caplog):
    """Seen live: a socket that says nothing for ten seconds, or nothing but stop (exotel.md 1.5)."""
    async with relay_world(tmp_path) as world:
        await world.call(script=WAIT, faults=faults, max_s=30)
        await world.until(lambda: world.relay.streams == 0)
        assert expected in {getattr(entry, "event", "") for entry in caplog.records}
        assert not list(tmp_path.glob("logs/*"))
        assert not world.agents.conversations


@virtual
async def test_a_line_that_vanishes_without_stop_ends_the_conversation(tmp_path):
    async with relay_world(tmp_path) as world:
        result = await world.call(script=WAIT, faults=LineFaults(vanish_s=3.0))
        await world.until(lambda: (tmp_path / "logs").exists())
        record = world.record(result.call_sid)
        assert (record["end_reason"], record["ended_by"]) == ("line_lost", "line")
        assert world.agents.conversations[0].close_code == 1000


@virtual
async def test_a_line_that_falls_silent_is_given_up(tmp_path):
    """Frames come fifty times a second, silence included; fifteen seconds without one is a dead line."""
    async with relay_world(tmp_path) as world:
        result = await world.call(script=WAIT, faults=LineFaults(stop_sending_s=3.0))
        record = world.record(result.call_sid)
        assert record["end_reason"] == "line_stalled"
        assert 17 <= record["duration_s"] <= 20


@virtual
async def test_a_line_that_does_not_read_is_given_up(tmp_path, monkeypatch):
    """What it was sent and has not read is seconds old by now: better hand the call over than play it ever later."""
    async with relay_world(tmp_path) as world:
        call = asyncio.create_task(world.call(script=WAIT))
        await world.until(lambda: world.relay.calls)
        monkeypatch.setattr("relay.line.socket.Line.stalled_for", lambda line, now: 4.9)
        await asyncio.sleep(3)
        assert world.relay.calls
        monkeypatch.setattr("relay.line.socket.Line.stalled_for", lambda line, now: 5.1)
        record = world.record((await call).call_sid)
        assert record["end_reason"] == "line_stalled"
        assert "has not read for 5 s" in record["end_detail"]


@virtual
async def test_all_spellings_of_the_protocol_are_read(tmp_path):
    async with relay_world(tmp_path) as world:
        spelling = Spelling(numbers=True, camel_case=True, flat_dtmf=True)
        script = (Step(when=When.AGENT_FINISHED, ms=300, press="5"), Step(ms=2000, hang_up=True))
        result = await world.call(script=script, spelling=spelling)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "caller_hung_up"
        assert record["quality"]["dtmf"] == 1
        assert record["quality"]["malformed"] == 0
        assert not result.violations


@virtual
async def test_junk_on_the_line_is_counted_and_harms_nobody(tmp_path):
    """Ten kinds of junk in the middle of a call; the call goes on, and so does the one beside it."""
    junk = (
        "",
        "{",
        "[]",
        "null",
        '{"event":7}',
        '{"event":"media"}',
        '{"event":"media","media":{"payload":"###"}}',
        '{"event":"media","media":{"payload":"QQ=="}}',
        '{"event":"mark"}',
        b"\x00\x01",
    )
    faults = LineFaults(raw=tuple((0.5 + n / 100, message) for n, message in enumerate(junk)))
    async with relay_world(tmp_path) as world:
        odd, fine = await asyncio.gather(
            world.call(script=HANG_UP_AFTER_GREETING, faults=faults), world.call(script=HANG_UP_AFTER_GREETING)
        )
        assert world.record(odd.call_sid)["quality"]["malformed"] == len(junk)
        assert world.record(odd.call_sid)["end_reason"] == "caller_hung_up"
        assert np.array_equal(odd.heard[: 8000 * 3], fine.heard[: 8000 * 3])
        assert world.record(fine.call_sid)["quality"]["malformed"] == 0


@virtual
async def test_an_oversized_message_ends_that_call_only(tmp_path):
    big = json.dumps({"event": "media", "media": {"payload": "A" * 300_000}})
    async with relay_world(tmp_path) as world:
        odd, fine = await asyncio.gather(
            world.call(script=WAIT, faults=LineFaults(raw=((1.0, big),))), world.call(script=HANG_UP_AFTER_GREETING)
        )
        assert world.record(odd.call_sid)["end_reason"] == "line_lost"
        assert odd.close_code == 1009
        assert world.record(fine.call_sid)["end_reason"] == "caller_hung_up"


@pytest.mark.parametrize("minutes", [10, pytest.param(60, marks=pytest.mark.chaos)])
@virtual
async def test_an_hour_long_call_does_not_drift(tmp_path, minutes):
    """An hour of ambience (ten minutes in the quick suite): as many frames as the clock says, and no hole."""
    async with relay_world(tmp_path, settings={"ambience": "office", "max_call_s": 14_400, "frame_ms": 100}) as world:
        result = await world.call(script=(Step(when=When.AT, ms=minutes * 60_000, hang_up=True),), max_s=4000)
        record = world.record(result.call_sid)
        frames = record["quality"]["frames_out"]
        assert frames - minutes * 600 in {1, 2, 3}  # one every 100 ms and the lead; the last one may meet the hang-up
        assert not result.gaps
        assert not result.violations
        assert result.ahead_max_s <= 0.2 + 1e-6


@virtual
async def test_the_time_limit_hands_the_call_over(tmp_path):
    async with relay_world(tmp_path, settings={"max_call_s": 20}) as world:
        result = await world.call(script=WAIT)
        record = world.record(result.call_sid)
        assert (record["end_reason"], record["ended_by"]) == ("time_limit", "relay")
        assert result.close_code == 1000


@virtual
async def test_many_short_calls_leave_nothing_behind(tmp_path):
    """A soak: two hundred calls, forty at a time; no task, call or pending event is left over."""
    async with relay_world(tmp_path) as world:
        await world.get("/health")
        before = len(asyncio.all_tasks())
        script = (Step(when=When.AT, ms=1500, hang_up=True),)
        for _ in range(5):
            await asyncio.gather(*(world.call(script=script) for _ in range(40)))
        await world.until(lambda: world.relay.streams == 0)
        await asyncio.sleep(5)
        assert len(list(tmp_path.glob("logs/*.json"))) == 200
        assert world.relay.calls == {}
        assert len(asyncio.all_tasks()) <= before


@virtual
async def test_keys_reach_the_agent_as_one_message(tmp_path):
    async with relay_world(tmp_path) as world:
        script = (
            Step(when=When.AGENT_FINISHED, ms=300, press="1"),
            Step(ms=300, press="2"),
            Step(ms=300, press="#"),
            Step(ms=500, press="9"),
            Step(ms=3000, hang_up=True),
        )
        await world.call(script=script)
        messages = world.agents.conversations[0].messages
        assert [message.text.rsplit(" ", 1)[-1] for message in messages] == ["12#", "9"]


@virtual
async def test_an_unknown_tool_is_answered_with_an_error(tmp_path):
    """An agent waits for the result of its tool; one we don't have must not leave the caller in silence."""
    replies = (
        Reply(on="start", say=("agent_greeting",), tool=ToolUse("make_coffee")),
        Reply(on="tool_failed:make_coffee", say=("agent_goodbye",), end_call=True),
    )
    async with relay_world(tmp_path, AgentScript(replies=replies)) as world:
        result = await world.call(script=WAIT)
        assert world.record(result.call_sid)["end_reason"] == "agent_ended"
        [(_, answer)] = world.agents.conversations[0].tool_results
        assert not world.agents.conversations[0].tools_done
        assert "transfer_to_human" in answer
