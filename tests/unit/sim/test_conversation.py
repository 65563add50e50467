import asyncio
import base64

import numpy as np
import pytest

from relay.agents.elevenlabs.fake_rules import ClientRule
from relay.agents.elevenlabs.fake_shapes import FORMATS
from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.sound import AudioFormat
from sim.speech import line, spoken
from tests.support.virtual import virtual
from tests.unit.sim.peers import talking_to

GREETING = Reply("start", ("agent_greeting",))
QUIET_2S = np.zeros(32_000, np.int16)


def rules(client):
    return [violation.rule for violation in client.record.violations]


def sound_of(events, audio_format="pcm_16000"):
    data = b"".join(base64.b64decode(event["audio_event"]["audio_base_64"]) for event in events)
    return AudioFormat(audio_format).decoded(data)


async def say(client, name):
    """The caller says a line, with a second of quiet after it, so that its end is noticed."""
    await client.speak(np.concatenate([spoken(name, 16000), np.zeros(16_000, np.int16)]))


@pytest.mark.parametrize("name", FORMATS)
@virtual
async def test_metadata_first_then_the_words_then_the_sound_faster_than_it_plays(name):
    script = AgentScript(replies=(GREETING,), output_format=name, input_format="ulaw_8000")
    async with talking_to(script) as client:
        await client.wait_for("agent_response_complete")
    kinds = [event["type"] for _, event in client.events if event["type"] != "ping"]
    assert kinds[:3] == ["conversation_initiation_metadata", "agent_response", "audio"]
    metadata = client.events[0][1]["conversation_initiation_metadata_event"]
    assert metadata["conversation_id"] == client.record.conversation_id
    assert metadata["agent_output_audio_format"] == name
    assert metadata["user_input_audio_format"] == "ulaw_8000"
    assert client.of("agent_response")[0]["agent_response_event"]["agent_response"] == line("agent_greeting").text

    chunks = client.of("audio")
    assert chunks[-1]["audio_event"]["is_final"] is True
    assert len({len(chunk["audio_event"]["audio_base_64"]) for chunk in chunks}) > 3, "uneven pieces"
    assert {chunk["audio_event"]["event_id"] for chunk in chunks} == {1}
    expected = AudioFormat(name).decoded(AudioFormat(name).encoded(spoken("agent_greeting", AudioFormat(name).rate_hz)))
    assert (sound_of(chunks, name) == expected).all()
    times = [at for at, event in client.events if event["type"] == "audio"]
    assert times[-1] - times[0] == pytest.approx(expected.size / AudioFormat(name).rate_hz / 5.0, rel=0.05)


@virtual
async def test_the_caller_is_made_out_and_answered():
    script = AgentScript(replies=(GREETING, Reply("heard:caller_hours", ("agent_hours",))))
    async with talking_to(script) as client:
        await client.wait_for("agent_response_complete")
        await asyncio.sleep(5)
        await say(client, "caller_hours")
        answer = await client.wait_for("agent_response", 2)
        await client.wait_for("agent_response_complete", 2)
    transcript = client.of("user_transcript")[0]["user_transcription_event"]
    assert transcript == {"user_transcript": line("caller_hours").text, "event_id": 2}
    assert answer["agent_response_event"]["event_id"] == 2
    assert [turn.line for turn in client.record.turns] == ["agent_greeting", "caller_hours", "agent_hours"]
    assert client.record.interruptions == []
    assert (
        bytes(client.record.received[: 2 * spoken("caller_hours", 16000).size])
        == spoken("caller_hours", 16000).tobytes()
    )


@virtual
async def test_speech_that_is_no_line_of_the_script_is_dots():
    script = AgentScript(replies=(Reply("heard:caller_hours", ("agent_hours",)), Reply("unclear", ("agent_digits",))))
    async with talking_to(script) as client:
        await client.wait_for("conversation_initiation_metadata")
        await say(client, "caller_bill")
        await client.wait_for("agent_response")
    assert client.of("user_transcript")[0]["user_transcription_event"]["user_transcript"] == "..."
    assert client.record.turns[-1].line == "agent_digits"


@pytest.mark.parametrize("carries_next", [False, True])
@virtual
async def test_speaking_over_the_agent_interrupts_it(carries_next):
    script = AgentScript(
        replies=(GREETING, Reply("heard:caller_interrupts", ("agent_saturday",))),
        interruption_carries_next_id=carries_next,
    )
    async with talking_to(script) as client:
        await client.wait_for("audio", 2)
        await say(client, "caller_interrupts")
        await client.wait_for("agent_response", 2)
        await client.wait_for("audio", len(client.of("audio")) + 1)
    (interruption,) = client.record.interruptions
    assert client.of("interruption")[0]["interruption_event"]["event_id"] == (2 if carries_next else 1)
    after = [event for at, event in client.events if at >= interruption]
    late = next(event for event in after if event["type"] == "audio")
    assert late["audio_event"]["event_id"] == 1, "a chunk of the old reply that was already on its way"
    correction = client.of("agent_response_correction")[0]["agent_response_correction_event"]
    assert correction["original_agent_response"] == line("agent_greeting").text
    assert line("agent_greeting").text.startswith(correction["corrected_agent_response"])
    turn = client.record.turns[0]
    assert (turn.interrupted, turn.text) == (True, correction["corrected_agent_response"])
    assert client.of("audio")[-1]["audio_event"]["event_id"] == 2


@virtual
async def test_once_everything_was_played_nothing_is_interrupted():
    async with talking_to(AgentScript(replies=(GREETING,))) as client:
        await client.wait_for("agent_response_complete")
        await asyncio.sleep(4)
        await say(client, "caller_hours")
    assert client.of("interruption") == []


@virtual
async def test_events_that_are_not_enabled_are_not_sent():
    """Without `interruption` among client_events a client is never told (elevenlabs.md A2.4)."""
    events = frozenset({"audio"})
    async with talking_to(AgentScript(replies=(GREETING,), client_events=events, late_chunk=False)) as client:
        await client.wait_for("audio", 2)
        await say(client, "caller_hours")
    assert {event["type"] for _, event in client.events} == {"conversation_initiation_metadata", "ping", "audio"}
    assert len(client.record.interruptions) == 1


@virtual
async def test_audio_before_the_metadata_is_left_unheard_with_a_warning():
    """ElevenLabs' own SDK sends it, and both public bridges from Exotel do: the real server goes on."""
    async with talking_to(AgentScript(metadata_after_s=0.2)) as client:
        await client.send(user_audio_chunk="AAA=")
        await asyncio.sleep(0.5)
        await client.send(user_audio_chunk="AAA=")
        await asyncio.sleep(0.1)
    assert rules(client) == ["audio_before_ready"]
    assert client.record.violations[0].is_tolerated
    assert bytes(client.record.received) == bytes(2)


@pytest.mark.parametrize(("audio_format", "found"), [("pcm_16000", ["odd_bytes"]), ("ulaw_8000", [])])
@virtual
async def test_half_a_sample_is_left_unheard_with_a_warning(audio_format, found):
    async with talking_to(AgentScript(input_format=audio_format)) as client:
        await client.wait_for("conversation_initiation_metadata")
        await client.send(user_audio_chunk="AA==")
        await asyncio.sleep(0.1)
        assert not client.socket.closed
    assert rules(client) == found
    assert all(violation.is_tolerated for violation in client.record.violations)
    assert bytes(client.record.received) == bytes(not found)


@virtual
async def test_the_initiation_comes_first_and_once():
    async with talking_to(AgentScript(), initiation=False) as client:
        await client.send(user_audio_chunk="AAA=")
        assert await client.closed() == 1008
    assert rules(client) == [ClientRule.NOT_INITIATED]

    async with talking_to(AgentScript()) as client:
        await client.send(type="conversation_initiation_client_data")
        assert await client.closed() == 1008
    assert rules(client) == [ClientRule.INITIATED_TWICE]


@pytest.mark.parametrize(
    ("initiation", "reason"),
    [
        (
            {"conversation_config_override": {"tts": {"voice_id": "x"}}},
            "Override for field 'tts.voice_id' is not allowed by config.",
        ),
        ({"dynamic_variables": {"other": 1}}, "Missing required dynamic variables in first message: ['name']"),
    ],
)
@virtual
async def test_what_the_agent_does_not_allow_or_misses(initiation, reason):
    script = AgentScript(required_variables=("name",), allowed_overrides=("agent.language",))
    async with talking_to(script, initiation=initiation) as client:
        assert await client.closed() == 1008
    assert client.record.close_reason == reason

    allowed = {"conversation_config_override": {"agent": {"language": "hi"}}, "dynamic_variables": {"name": "A"}}
    async with talking_to(script, initiation=allowed) as client:
        await client.wait_for("conversation_initiation_metadata")
    assert client.record.variables == {"name": "A"}


@virtual
async def test_binary_frames_and_junk_end_the_conversation():
    for junk, rule in ((b"\0", ClientRule.BINARY_FRAME), ("{", ClientRule.NOT_JSON)):
        async with talking_to(AgentScript()) as client:
            await client.wait_for("conversation_initiation_metadata")
            await (client.socket.send_bytes(junk) if isinstance(junk, bytes) else client.socket.send_str(junk))
            assert await client.closed() == 1008
        assert rules(client) == [rule]


@virtual
async def test_pings_are_numbered_and_a_pong_that_does_not_come_is_noticed():
    async with talking_to(AgentScript()) as client:
        await client.wait_for("ping", 3)
        await asyncio.sleep(0.1)
        await client.send(type="pong", event_id=99)
        await asyncio.sleep(0.1)
    pings = [event["ping_event"] for event in client.of("ping")]
    assert [ping["event_id"] for ping in pings] == [1, 2, 3]
    assert [ping["ping_ms"] for ping in pings] == [None, 0, 0]
    assert client.record.pong_delays == [0.0, 0.0, 0.0]
    assert rules(client) == [ClientRule.UNKNOWN_PING]


@virtual
async def test_a_client_that_does_not_pong_is_recorded():
    async with talking_to(AgentScript(ping_every_s=5)) as client:
        client.send = lambda **message: asyncio.sleep(0)
        await asyncio.sleep(3)
    assert rules(client) == [ClientRule.PONG_LATE]


@virtual
async def test_sound_must_come_in_real_time_and_without_holes():
    second = base64.b64encode(bytes(32_000)).decode()
    async with talking_to(AgentScript()) as client:
        await client.wait_for("conversation_initiation_metadata")
        for _ in range(2):
            await client.send(user_audio_chunk=second)
        await asyncio.sleep(0.9)
        assert rules(client) == [], "two seconds were buffered before the metadata: allowed"
        for _ in range(3):
            await client.send(user_audio_chunk=second)
        await asyncio.sleep(5)
        await client.send(user_audio_chunk=second)
        await asyncio.sleep(0.1)
    assert rules(client) == ["too_fast", "input_gap"]


@virtual
async def test_a_minute_without_sound_ends_it():
    async with talking_to(AgentScript()) as client:
        assert await client.closed() == 1002
    assert client.of("error")[0]["error_event"]["error_type"] == "transport_receive_timeout"


@pytest.mark.parametrize("is_error", [False, True])
@virtual
async def test_a_client_tool_is_called_and_its_result_awaited(is_error):
    use = ToolUse("transfer_to_human", {"target": "billing"})
    script = AgentScript(
        replies=(
            Reply("start", tool=use),
            Reply("tool:transfer_to_human", ("agent_transfer",)),
            Reply("tool_failed:transfer_to_human", ("agent_digits",)),
        )
    )
    async with talking_to(script) as client:
        call = (await client.wait_for("client_tool_call"))["client_tool_call"]
        assert (call["tool_name"], call["parameters"]) == ("transfer_to_human", {"target": "billing"})
        assert call["expects_response"] is True
        result = {"tool_call_id": call["tool_call_id"], "result": "ok", "is_error": is_error}
        await client.send(type="client_tool_result", **result)
        await client.send(type="client_tool_result", **result)
        await client.wait_for("agent_response")
    assert client.record.tool_results == [("transfer_to_human", "ok")]
    assert client.record.turns[-1].line == ("agent_digits" if is_error else "agent_transfer")
    assert rules(client) == ["unknown_tool_call"], "the second result was for a call already answered"


@virtual
async def test_a_tool_that_is_never_answered_fails():
    script = AgentScript(replies=(Reply("start", tool=ToolUse("x")), Reply("tool_failed:x", ("agent_digits",))))
    async with talking_to(script) as client:
        await client.wait_for("agent_response")
        assert asyncio.get_running_loop().time() > 20


@virtual
async def test_the_agent_hangs_up_long_before_its_goodbye_was_heard():
    async with talking_to(AgentScript(replies=(Reply("start", ("agent_goodbye",), end_call=True),))) as client:
        assert await client.closed() == 1000
        ended_at = asyncio.get_running_loop().time()
    tool = client.of("agent_tool_response")[0]["agent_tool_response"]
    assert (tool["tool_name"], tool["tool_type"], tool["is_error"]) == ("end_call", "system", False)
    assert (sound_of(client.of("audio")) == spoken("agent_goodbye", 16000)).all()
    assert ended_at < spoken("agent_goodbye").size / 8000 / 2
    assert (client.record.ended_by, client.record.close_code) == ("agent", 1000)


@virtual
async def test_waiting_in_the_queue():
    admitted = AgentScript(queue=((0.5, "waiting"), (4.0, "admitted")))
    async with talking_to(admitted) as client:
        await client.wait_for("conversation_initiation_metadata")
    assert [event["queue_status_event"]["status"] for event in client.of("queue_status")] == ["waiting", "admitted"]

    async with talking_to(AgentScript(queue=((0.5, "waiting"), (9.0, "timed_out")))) as client:
        assert await client.closed() == 4300
    assert client.of("conversation_initiation_metadata") == []


@pytest.mark.parametrize("code", [1000, 1002, 1008, 1011, 3000, 4300])
@virtual
async def test_every_documented_close(code):
    fault = Fault(after_s=1.0, code=code, reason="[quota_exceeded] You've run out of credits.", error_type="llm_error")
    async with talking_to(AgentScript(fault=fault)) as client:
        assert await client.closed() == code
    assert client.of("error")[0]["error_event"]["code"] == code
    assert client.record.close_reason == fault.reason
    assert client.record.ended_at == pytest.approx(1.05)


@virtual
async def test_an_agent_that_vanishes_stalls_or_never_begins():
    async with talking_to(AgentScript(replies=(GREETING,), fault=Fault(FaultKind.VANISH, 0.2))) as client:
        assert await client.closed() in {None, 1006}
    assert client.record.close_code == 1006

    async with talking_to(AgentScript(replies=(GREETING,), fault=Fault(FaultKind.STALL, 0.2))) as client:
        await asyncio.sleep(100)
        assert not client.socket.closed
    assert max(at for at, _ in client.events) - client.record.ready_at <= 0.2

    async with talking_to(AgentScript(metadata_after_s=None, replies=(GREETING,))) as client:
        await asyncio.sleep(100)
        assert client.events == []


@virtual
async def test_an_agent_that_stops_reading_lets_the_buffers_fill_up():
    async with talking_to(AgentScript(fault=Fault(FaultKind.DEAF))) as client:
        await client.wait_for("conversation_initiation_metadata")
        await asyncio.sleep(0.1)
        chunk = base64.b64encode(bytes(64_000)).decode()
        sending = asyncio.gather(*(client.send(user_audio_chunk=chunk) for _ in range(1000)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sending, 5)
    assert len(client.record.received) < 500 * 64_000


@virtual
async def test_keys_sent_to_the_agent_count_as_speech():
    script = AgentScript(replies=(GREETING, Reply("keys:47", ("agent_booking",))))
    async with talking_to(script) as client:
        await client.wait_for("audio", 2)
        await client.send(type="user_message", text="The caller pressed 4")
        await client.wait_for("interruption")
        await client.send(type="contextual_update", text="nothing is answered to this: 7")
        await client.send(type="user_message", text="7")
        await client.wait_for("agent_response", 2)
    assert client.record.turns[-1].line == "agent_booking"
    assert [message.kind for message in client.record.messages] == ["user_message", "contextual_update", "user_message"]


@virtual
async def test_a_fault_in_the_middle_of_a_reply():
    reply = Reply("start", ("agent_clinics",), fault=Fault(after_s=1.0, code=1011, reason="Internal error"))
    async with talking_to(AgentScript(replies=(reply,))) as client:
        assert await client.closed() == 1011
    assert 0 < sound_of(client.of("audio")).size < spoken("agent_clinics", 16000).size


@virtual
async def test_the_client_hangs_up():
    async with talking_to(AgentScript(replies=(GREETING,))) as client:
        await client.wait_for("audio")
        await client.socket.close()
    assert (client.record.ended_by, client.record.close_code) == ("client", 1000)
