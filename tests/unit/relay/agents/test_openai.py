"""OpenAI's session, message by message."""

import base64
from dataclasses import replace
from unittest.mock import AsyncMock, patch

import pytest

from relay.agents.openai.codec import Updated
from relay.agents.openai.options import OpenAIOptions
from relay.agents.openai.requests import A_LAW, MU_LAW, WIDE, format_for, session_update
from relay.agents.openai.session import OpenAISession
from relay.agents.seam import (
    AgentError,
    AgentText,
    Audio,
    Ended,
    Formats,
    Interruption,
    Notice,
    ToolCall,
    ToolCancelled,
    TurnDone,
    TurnFailed,
    UtteranceDone,
)
from relay.agents.socket import AgentSocket
from relay.audio.convert import AudioFormat, Encoding
from tests.unit.relay.agents.peer import CALL, Peer, events

SPEAKS = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "caller"}


@pytest.fixture
async def session():
    return OpenAISession(None, OpenAIOptions(), "some-model", "key")


async def connected(peer, call):
    """A session with `peer`, and the formats they agreed on."""
    session = OpenAISession(None, OpenAIOptions(), "some-model", "key")
    with patch.object(AgentSocket, "open", AsyncMock(return_value=peer)):
        return session, await session.connect(call)


def began(number):
    return {"type": "response.created", "response": {"id": f"resp_{number}"}}


def done(number, status="completed"):
    return {"type": "response.done", "response": {"id": f"resp_{number}", "status": status}}


def of(number, kind, **more):
    return {"type": f"response.{kind}", "response_id": f"resp_{number}", "item_id": f"item_{number}", **more}


def sound(number, size=4):
    return of(number, "output_audio.delta", delta=base64.b64encode(bytes(size)).decode())


def tool(call_id="call_1", name="order_pizza", arguments="{}"):
    call = {"call_id": call_id, "name": name, "arguments": arguments}
    return {"type": "response.function_call_arguments.done", "response_id": "resp_1", "item_id": "fc", **call}


async def test_sound_of_a_reply_that_was_spoken_over_is_dropped_and_the_next_is_not(session):
    found, _ = await events(session, began(1), sound(1), SPEAKS, sound(1), done(1, "cancelled"), began(2), sound(2))
    assert found == [Audio(bytes(4), "item_1"), Interruption(), Audio(bytes(4), "item_2")]
    assert session.late_audio_ms == 0.5  # four bytes of G.711


async def test_a_reply_announced_but_not_yet_heard_is_stale_too(session):
    found, _ = await events(session, began(1), SPEAKS, sound(1))
    assert found == [Interruption()]


async def test_speech_after_the_reply_was_made_leaves_the_next_alone(session):
    """The reply was sent faster than it plays: nothing of it is on its way any more."""
    found, _ = await events(session, began(1), sound(1), done(1), SPEAKS, began(2), sound(2))
    assert found[-1] == Audio(bytes(4), "item_2")


async def test_words_of_a_cut_reply_are_kept_as_far_as_they_came(session):
    words = of(1, "output_audio_transcript.delta", delta="Good mor")
    whole = of(1, "output_audio_transcript.done", transcript="Good morning, how are you?")
    found, _ = await events(session, began(1), words, sound(1), SPEAKS, whole)
    assert found == [Audio(bytes(4), "item_1"), AgentText("Good mor", "item_1"), Interruption()]


async def test_words_of_a_reply_that_dies_with_its_session_are_kept(session):
    """What was said so far is what the next agent is told."""
    found, _ = await events(session, began(1), of(1, "output_audio_transcript.delta", delta="Good mor"), sound(1))
    assert found[-1] == AgentText("Good mor", "item_1")


async def test_end_of_an_utterance(session):
    found, _ = await events(session, began(1), sound(1), of(1, "output_audio.done"), done(1))
    assert found[-2:] == [UtteranceDone("item_1"), TurnDone()]


async def test_truncation_never_claims_more_than_was_sent(session):
    """The pacer counts whole frames, the last of which is filled up with silence."""
    await events(session, began(1), sound(1, 800), done(1))
    session._socket = peer = Peer()
    await session.interrupted("item_1", 180)
    assert peer.told == [
        {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 100}
    ]
    await session.interrupted("item_1", 180)  # not twice
    await session.interrupted("item_of_nobody", 180)
    assert len(peer.told) == 1


async def test_two_tools_of_one_reply_are_answered_before_the_next_is_asked_for(session):
    found, peer = await events(session, began(1), tool("call_1"), tool("call_2", arguments='{"size":3}'))
    assert found == [
        ToolCall("call_1", "order_pizza", {}, settled=False),
        ToolCall("call_2", "order_pizza", {"size": 3}, settled=False),
    ]
    await session.answer_tool("call_1", "done", is_error=False)
    await session.answer_tool("call_2", "no dough", is_error=True)
    assert not peer.of("response.create")
    found, again = await events(session, done(1))
    assert found == [TurnDone()]
    outputs = [message["item"]["output"] for message in peer.of("conversation.item.create")]
    assert outputs == ["done", "error: no dough"]
    assert again.of("response.create") == [{"type": "response.create", "event_id": "reply_1"}]


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (tool(arguments="{size: 3"), "order_pizza: the arguments must be a JSON object"),
        (tool(name=""), "call_1: the call names no tool"),
    ],
)
async def test_a_call_that_can_not_be_carried_out_is_answered_at_once(session, call, problem):
    found, peer = await events(session, call)
    assert found == [Notice("incomplete", f"tool call {problem}")]
    assert peer.told[0]["item"]["output"] == f"error: {problem.partition(': ')[2]}"


async def test_end_call_is_a_tool_like_any_other(session):
    """Once the session counted to two and hung up, whether the caller had cut into the goodbye or not."""
    found, peer = await events(session, began(1), sound(1), tool(name="end_call"), sound(1), done(1))
    assert found == [
        Audio(bytes(4), "item_1"),
        ToolCall("call_1", "end_call", {}, settled=False),
        Audio(bytes(4), "item_1"),
        TurnDone(),
    ]
    assert not peer.told


async def test_a_tool_of_a_reply_that_the_caller_cut_into_is_taken_back(session):
    """OpenAI says `arguments.done` for a response that it then cancels: a transfer was carried out all the same."""
    found, _ = await events(session, began(1), tool(), SPEAKS, done(1, "cancelled"))
    assert found == [ToolCall("call_1", "order_pizza", {}, settled=False), Interruption(), ToolCancelled("call_1")]
    session._socket = peer = Peer()
    await session.answer_tool("call_1", "done", is_error=False)
    assert not peer.told  # a tool that was quicker than the cancelling: nobody wants its answer


async def test_a_name_that_came_when_the_call_began(session):
    """`function_call_arguments.done` without a name: once the call was malformed, and the model waited for ever."""
    item = {"id": "fc", "type": "function_call", "call_id": "call_1", "name": "transfer_to_human"}
    call = tool(arguments='{"reason":"asked"}')
    del call["name"]
    found, _ = await events(session, {"type": "response.output_item.added", "item": item}, call)
    assert found == [ToolCall("call_1", "transfer_to_human", {"reason": "asked"}, settled=False)]


@pytest.mark.parametrize(
    ("response", "failed"),
    [
        (
            {"status": "failed", "status_details": {"error": {"type": "server_error", "code": None, "message": "x"}}},
            TurnFailed("server_error", "server_error x"),
        ),
        ({"status": "incomplete", "status_details": {"reason": "content_filter"}}, TurnFailed("content_filter", "")),
    ],
)
async def test_a_turn_that_failed_is_said_and_can_be_asked_for_again(session, response, failed):
    """A rate limit or a fault of the server's ended a response: nothing was said any more, for good."""
    found, _ = await events(session, began(1), {"type": "response.done", "response": {"id": "resp_1", **response}})
    assert found == [failed]
    session._socket = peer = Peer()
    assert await session.ask_again()
    assert [message["type"] for message in peer.told] == ["response.create"]


async def test_a_reply_cut_short_by_its_limit_after_it_was_heard_has_not_failed(session):
    found, _ = await events(session, began(1), sound(1), done(1, "incomplete"))
    assert found[-1] == TurnDone()


@pytest.mark.parametrize(
    "code",
    ["insufficient_quota", "invalid_api_key", "account_deactivated", "billing_hard_limit_reached", "session_expired"],
)
async def test_what_no_further_turn_can_mend_ends_the_agent(session, code):
    """The fallback takes over; the caller would otherwise wait for a reply to each question in vain."""
    error = {"type": "invalid_request_error", "code": code, "message": "no"}
    response = {"id": "resp_1", "status": "failed", "status_details": {"error": error}}
    for message in ({"type": "error", "error": error}, {"type": "response.done", "response": response}):
        found, _ = await events(session, began(1), message)
        [ended] = [event for event in found if isinstance(event, Ended)]
        assert (ended.by_agent, ended.reason) == (False, code)


async def test_a_request_for_a_reply_that_is_refused_is_a_failed_turn(session):
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no", "event_id": "reply_1"}
    found, _ = await events(session, {"type": "error", "error": error})
    assert found == [TurnFailed("invalid_value", "invalid_request_error invalid_value no")]


async def test_a_reply_asked_for_while_another_began_is_asked_for_again_when_that_is_over(session):
    """The server had just begun one by itself: the result of the tool would have gone unanswered."""
    await events(session, tool())
    session._socket = first = Peer()
    await session.answer_tool("call_1", "done", is_error=False)
    (asked,) = first.of("response.create")
    busy = {"code": "conversation_already_has_active_response", "event_id": asked["event_id"]}
    found, peer = await events(session, began(2), {"type": "error", "error": busy}, done(2))
    assert found == [TurnDone()]
    assert len(peer.of("response.create")) == 1


async def test_no_reply_is_asked_for_while_one_that_was_asked_for_has_not_begun():
    """Keys that had waited for the agent came right behind the request for the greeting: the server refused them."""
    peer = Peer({"type": "session.created", "session": {"id": "s"}}, {"type": "session.updated", "session": {}})
    session = OpenAISession(None, OpenAIOptions(greeting="Hello."), "some-model", "key")
    with patch.object(AgentSocket, "open", AsyncMock(return_value=peer)):
        await session.connect(CALL)
    await session.send_keys("5")
    await session.send_keys("#")
    (greeting,) = peer.of("response.create")
    assert "Hello." in greeting["response"]["instructions"]
    _, peer = await events(session, began(1), sound(1))
    assert not peer.of("response.create")
    _, peer = await events(session, done(1), began(2), done(2))
    (both,) = peer.of("response.create")
    assert "response" not in both


async def test_after_a_request_that_was_refused_the_next_one_is_made(session):
    await session_told(session, "1")
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no", "event_id": "reply_1"}
    _, peer = await events(session, {"type": "error", "error": error})
    assert not peer.of("response.create")  # the call decides whether to ask again
    assert (await session_told(session, "2")).of("response.create")


async def session_told(session, keys):
    """The vendor's end of a session that is sent keys."""
    session._socket = peer = Peer()
    await session.send_keys(keys)
    return peer


async def test_no_reply_is_asked_for_while_the_caller_speaks(session):
    """It would talk over the caller; the server replies by itself when they have finished, and that answers it all."""
    await events(session, tool(), SPEAKS)
    session._socket = peer = Peer()
    await session.answer_tool("call_1", "done", is_error=False)
    await session.send_keys("1")
    assert not peer.of("response.create")
    _, peer = await events(session, began(2), done(2))
    assert not peer.of("response.create")
    session._socket = peer = Peer()
    await session.send_keys("2")
    assert len(peer.of("response.create")) == 1


@pytest.mark.parametrize(
    ("line_hz", "confirmed", "spoken"),
    [
        (8000, None, A_LAW),
        (8000, {"type": "audio/pcma"}, A_LAW),
        (8000, {"type": "audio/pcmu"}, MU_LAW),
        (8000, {"type": "audio/pcm", "rate": 24000}, WIDE),
        (8000, {"type": "audio/pcm"}, WIDE),
        (24000, {"type": "audio/pcmu"}, MU_LAW),
    ],
)
async def test_formats_are_those_that_the_server_confirms(line_hz, confirmed, spoken):
    """A session was seen to speak PCM at 24 kHz after μ-law was asked for: played as μ-law that is loud noise."""
    told = {"format": confirmed} if confirmed else {}
    updated = {"type": "session.updated", "session": {"audio": {"input": told, "output": told}}}
    peer = Peer({"type": "session.created", "session": {}}, updated)
    call = replace(CALL, line=AudioFormat(Encoding.PCM, line_hz))
    session, formats = await connected(peer, call)
    assert formats == Formats(spoken, spoken)
    assert session.conversation_id is None
    found, _ = await events(session, began(1), SPEAKS, sound(1, 480))
    assert session.late_audio_ms == spoken.duration_ms(480)


async def test_a_format_that_nobody_knows_is_refused():
    updated = {"type": "session.updated", "session": {"audio": {"output": {"format": {"type": "audio/opus"}}}}}
    with pytest.raises(AgentError, match="audio/opus"):
        await connected(Peer({"type": "session.created", "session": {}}, updated), CALL)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-transcribe", {"model": "gpt-transcribe", "languages": ["hi"]}),
        ("gpt-4o-transcribe", {"model": "gpt-4o-transcribe", "language": "hi"}),
    ],
)
def test_what_the_caller_speaks_is_said_as_the_transcription_model_takes_it(model, expected):
    options = OpenAIOptions(language="hi", transcription_model=model, noise_reduction="near_field")
    heard = session_update(options, CALL, MU_LAW)["session"]["audio"]["input"]
    assert heard["transcription"] == expected
    assert heard["noise_reduction"] == {"type": "near_field"}
    assert "noise_reduction" not in session_update(OpenAIOptions(), CALL, MU_LAW)["session"]["audio"]["input"]


async def test_a_changed_protocol_does_not_fill_the_log(session):
    found, _ = await events(session, *[{"type": "response.output_audio.delta"}] * 5)
    assert [event.kind for event in found if isinstance(event, Notice)] == ["malformed"]


async def test_a_setting_that_is_refused_is_named_at_once(session):
    """A voice that does not exist: once this was five seconds of silence and "no session.updated came"."""
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no voice 'mary'"}
    with pytest.raises(AgentError, match="no voice 'mary'") as refused:
        await session._await(Peer({"type": "error", "error": error}), Updated, "session.updated")
    assert refused.value.reason == "refused"


@pytest.mark.parametrize(
    ("codec", "line_hz", "called", "expected"),
    [
        ("auto", 8000, "08047100002", A_LAW),
        ("auto", 8000, "+918047100002", A_LAW),
        ("auto", 8000, "", A_LAW),
        ("auto", 8000, "+12125550100", MU_LAW),
        ("auto", 8000, "+81312345678", MU_LAW),
        ("auto", 16000, "08047100002", WIDE),
        ("auto", 24000, "+12125550100", WIDE),
        ("pcmu", 8000, "08047100002", MU_LAW),
        ("pcma", 16000, "+12125550100", A_LAW),
        ("pcm", 8000, "08047100002", WIDE),
    ],
)
def test_the_codec_is_that_of_the_carrier(codec, line_hz, called, expected):
    """Indian carriers speak A-law: μ-law on top of it cost the caller's sound 3.8 dB."""
    call = replace(CALL, line=AudioFormat(Encoding.PCM, line_hz), to_number=called)
    assert format_for(OpenAIOptions(codec=codec), call) == expected


async def test_a_note_is_the_systems_and_a_reply_to_it_is_asked_for(session):
    session._socket = peer = Peer()
    assert await session.note("a minute is left")
    assert [message["item"]["role"] for message in peer.told] == ["system"]
    assert await session.note("ask", reply=True)
    assert [message["type"] for message in peer.told[1:]] == ["conversation.item.create", "response.create"]


def test_every_tool_is_a_function():
    tools = session_update(OpenAIOptions(tools=("control_background_sound",)), CALL, MU_LAW)["session"]["tools"]
    assert {tool["type"] for tool in tools} == {"function"}
