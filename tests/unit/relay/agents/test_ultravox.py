"""Ultravox's session, message by message, and the call that it asks for."""

import json
from dataclasses import replace

import pytest
from aiohttp import web

from relay.agents.seam import (
    AgentCorrection,
    AgentError,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    Interruption,
    Said,
    ToolCall,
    TurnDone,
    UtteranceDone,
)
from relay.agents.socket import Binary
from relay.agents.tool_descriptions import describe
from relay.agents.ultravox.options import UltravoxOptions
from relay.agents.ultravox.requests import start_call, tools
from relay.agents.ultravox.session import UltravoxSession
from relay.audio.convert import AudioFormat, Encoding
from relay.outgoing import outgoing
from sim.serving import serving
from tests.unit.relay.agents.peer import CALL, events

CLEARED = {"type": "playback_clear_buffer"}


@pytest.fixture
async def session():
    return UltravoxSession(None, UltravoxOptions(), "some-model", "key")


def state(name):
    return {"type": "state", "state": name}


def says(text="", ordinal=0, *, final=False, delta=None):
    words = {"text": text} if delta is None else {"delta": delta}
    return {"type": "transcript", "role": "agent", "medium": "voice", **words, "final": final, "ordinal": ordinal}


async def test_a_reply_is_over_when_the_agent_speaks_no_more(session):
    found, _ = await events(
        session,
        state("speaking"),
        says(delta="Good "),
        Binary(b"\1\0"),
        says(delta="morning."),
        says("Good morning.", final=True),
        Binary(b"\2\0"),
        state("listening"),
    )
    assert found == [
        Audio(b"\1\0", "1"),
        AgentText("Good morning.", "1"),
        Audio(b"\2\0", "1"),
        UtteranceDone("1"),
        TurnDone(),
    ]


async def test_sound_of_a_reply_that_was_spoken_over_is_dropped_and_the_next_is_not(session):
    found, _ = await events(
        session,
        state("speaking"),
        Binary(bytes(4)),
        CLEARED,
        Binary(bytes(8)),
        state("listening"),
        Binary(bytes(8)),
        state("thinking"),
        Binary(bytes(6)),
    )
    assert found == [Audio(bytes(4), "1"), Interruption(), CallerHeard(), Audio(bytes(6), "2")]
    assert session.late_audio_ms == 1.0  # sixteen bytes at 8 kHz


async def test_words_so_far_are_all_there_is_of_a_reply_that_was_spoken_over_until_ultravox_knows_better(session):
    found, _ = await events(
        session,
        says(delta="We are open "),
        says(delta="from nine to five"),
        CLEARED,
        says("We are open", final=True),
        says("We are open", final=True),
        says(delta="Yes?", ordinal=2),
        says("Yes?", ordinal=2, final=True),
    )
    assert found == [
        AgentText("We are open from nine to five", "1"),
        Interruption(),
        AgentCorrection("We are open", "1"),
        AgentText("Yes?", "2"),
    ]


async def test_words_of_long_ago_are_forgotten(session):
    await events(session, *(says(str(number), number, final=True) for number in range(60)))
    assert list(session._texts) == list(range(44, 60))


async def test_a_reply_without_words_or_sound_is_none(session):
    found, _ = await events(session, says(final=True), state("listening"), state("idle"))
    assert found == [UtteranceDone("1"), TurnDone()]


async def test_the_caller_waits_from_the_moment_that_the_agent_thinks(session):
    said = {"type": "transcript", "role": "user", "text": "Hello?", "final": True, "ordinal": 1}
    found, _ = await events(session, state("thinking"), said)
    assert found == [CallerHeard(), CallerText("Hello?")]


@pytest.mark.parametrize(
    ("is_error", "said"),
    [(False, {"result": "sunny"}), (True, {"errorType": "implementation-error", "errorMessage": "sunny"})],
)
async def test_a_tool_and_its_answer(session, is_error, said):
    call = {"toolName": "weather", "invocationId": "i1", "parameters": {"city": "Pune"}}
    found, peer = await events(session, {"type": "client_tool_invocation", **call})
    assert found == [ToolCall("i1", "weather", {"city": "Pune"}, settled=False)]
    await session.answer_tool("i1", "sunny", is_error=is_error)
    await session.answer_tool("i1", "sunny", is_error=is_error)
    assert peer.told == [{"type": "client_tool_result", "invocationId": "i1", **said}]


async def test_keys_wait_until_the_agent_has_finished(session):
    _, peer = await events(session)
    await session.send_keys("42#")
    (told,) = peer.told
    assert (told["type"], told["urgency"]) == ("user_text_message", "soon")
    assert "42#" in told["text"]


@pytest.mark.parametrize(("reply", "urgency"), [(False, "later"), (True, "soon")])
async def test_a_note_is_answered_only_if_a_reply_is_wanted(session, reply, urgency):
    _, peer = await events(session)
    assert await session.note("A minute is left.", reply=reply)
    (told,) = peer.told
    assert (told["type"], told["urgency"]) == ("user_text_message", urgency)
    assert told["text"] == "[Not said by the caller: A minute is left.]"


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_sound_goes_both_ways_at_the_lines_rate_and_ahead_of_time(rate_hz):
    call = replace(CALL, line=AudioFormat(Encoding.PCM, rate_hz))
    medium = start_call(UltravoxOptions(), "m", call)["medium"]["serverWebSocket"]
    assert medium == {"inputSampleRate": rate_hz, "outputSampleRate": rate_hz, "clientBufferSizeMs": 30000}


@pytest.mark.parametrize(
    ("options", "said", "first"),
    [
        ({}, (), {"user": {}}),
        ({"greeting": "Hello {{caller_number}}"}, (), {"agent": {"text": "Hello 09876500001"}}),
        ({"greeting": "Hello", "takeover": "Sorry."}, (Said("agent", "Hi"),), {"agent": {"text": "Sorry."}}),
    ],
)
def test_who_speaks_first(options, said, first):
    request = start_call(UltravoxOptions(**options), "m", replace(CALL, said_so_far=said))
    assert request["firstSpeakerSettings"] == first
    assert request.get("initialMessages", []) == [{"role": "MESSAGE_ROLE_AGENT", "text": one.text} for one in said]


def test_a_takeover_without_words_of_its_own_is_left_to_the_model():
    request = start_call(UltravoxOptions(), "m", replace(CALL, said_so_far=(Said("caller", "Hi"),)))
    assert "take over" in request["firstSpeakerSettings"]["agent"]["prompt"]


def test_what_is_not_chosen_is_left_to_ultravox():
    request = start_call(UltravoxOptions(), "m", CALL)
    assert {"voice", "languageHint", "initialMessages"}.isdisjoint(request)
    request = start_call(UltravoxOptions(voice="Mark", language="hi-IN"), "m", CALL)
    assert (request["voice"], request["languageHint"]) == ("Mark", "hi-IN")


def test_a_tools_parameters_are_told_one_by_one():
    (transfer,) = tools(describe(["transfer_to_human"], ["billing"]))
    tool = transfer["temporaryTool"]
    assert (tool["modelToolName"], tool["client"], tool["timeout"]) == ("transfer_to_human", {}, "40s")
    told = {one["name"]: (one["required"], one["location"]) for one in tool["dynamicParameters"]}
    assert told == dict.fromkeys(("target", "reason", "summary"), (True, "PARAMETER_LOCATION_BODY"))
    assert tool["dynamicParameters"][0]["schema"]["enum"] == ["billing"]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (402, b'{"detail":"pay"}', "http_402"),
        (301, b"", "http_301"),
        (201, b"{", "malformed"),
        (201, b'{"callId":"c"}', "malformed"),
        (201, b'{"callId":"c","joinUrl":"https://evil.example"}', "malformed"),
        (201, b'{"callId":7,"joinUrl":"wss://x"}', "malformed"),
        (201, b" " * 70_000 + b'{"callId":"c","joinUrl":"wss://x"}', "unreachable"),
    ],
)
async def test_a_call_that_can_not_be_had_is_an_error_with_a_reason(status, body, reason):
    asked = []

    async def create(request):
        asked.append((request.headers["X-API-Key"], json.loads(await request.read())["model"]))
        return web.Response(status=status, body=body, headers={"Location": "/elsewhere"} if status == 301 else {})

    app = web.Application()
    app.router.add_post("/api/calls", create)
    async with serving(app) as url, outgoing() as http:
        session = UltravoxSession(http, UltravoxOptions(base_url=f"{url}/"), "some-model", "key")
        with pytest.raises(AgentError) as error:
            await session.connect(CALL)
    assert error.value.reason == reason
    assert asked == [("key", "some-model")]


async def test_nobody_there():
    async with outgoing() as http:
        session = UltravoxSession(http, UltravoxOptions(base_url="http://127.0.0.1:9"), "m", "key")
        with pytest.raises(AgentError, match="ClientConnectorError") as error:
            await session.connect(CALL)
    assert error.value.reason == "unreachable"
