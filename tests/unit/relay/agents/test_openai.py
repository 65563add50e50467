"""OpenAI's session, message by message."""

import base64

import pytest

from relay.agents.openai.codec import Updated
from relay.agents.openai.options import OpenAIOptions
from relay.agents.openai.session import OpenAISession
from relay.agents.seam import AgentError, AgentText, Audio, Ended, Interruption, Notice, ToolCall, UtteranceDone
from tests.unit.relay.agents.peer import Peer, events

SPEAKS = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "caller"}


@pytest.fixture
async def session():
    return OpenAISession(None, OpenAIOptions(), "some-model", "key")


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
    assert session.late_audio_ms == 0.5  # four bytes of μ-law


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
    assert found[-1] == UtteranceDone("item_1")


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
    assert found == [ToolCall("call_1", "order_pizza", {}), ToolCall("call_2", "order_pizza", {"size": 3})]
    await session.answer_tool("call_1", "done", is_error=False)
    await session.answer_tool("call_2", "no dough", is_error=True)
    assert not peer.of("response.create")
    session._socket = again = Peer(done(1))
    assert [event async for event in session.events()][:-1] == []
    outputs = [message["item"]["output"] for message in peer.of("conversation.item.create")]
    assert outputs == ["done", "error: no dough"]
    assert again.of("response.create") == [{"type": "response.create"}]


async def test_arguments_that_are_no_json_object_are_answered_at_once(session):
    found, peer = await events(session, tool(arguments="{size: 3"))
    assert found == []
    assert peer.told[0]["item"]["output"] == "error: the arguments must be a JSON object"


async def test_end_call_ends_it_when_the_reply_is_over(session):
    found, peer = await events(session, began(1), sound(1), tool(name="end_call"), sound(1), done(1), began(2))
    assert found == [Audio(bytes(4), "item_1")] * 2 + [Ended(by_agent=True, reason="ended", detail="end_call")]
    assert not peer.told


async def test_a_changed_protocol_does_not_fill_the_log(session):
    found, _ = await events(session, *[{"type": "response.output_audio.delta"}] * 5)
    assert [event.kind for event in found if isinstance(event, Notice)] == ["malformed"]


async def test_a_setting_that_is_refused_is_named_at_once(session):
    """A voice that does not exist: once this was five seconds of silence and "no session.updated came"."""
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no voice 'mary'"}
    with pytest.raises(AgentError, match="no voice 'mary'") as refused:
        await session._await(Peer({"type": "error", "error": error}), Updated, "session.updated")
    assert refused.value.reason == "refused"
