"""Gemini's session, message by message."""

import pytest

from relay.agents.gemini.codec import Handle, decode, setup
from relay.agents.gemini.options import GeminiOptions
from relay.agents.gemini.session import GeminiSession
from relay.agents.seam import Audio, CallerHeard, Interruption, Notice, ToolCall, ToolCancelled, TurnDone, TurnFailed
from tests.unit.relay.agents.peer import CALL, Peer

DONE = {"serverContent": {"turnComplete": True}}


@pytest.fixture
async def session():
    return GeminiSession(None, GeminiOptions(), "some-model", "key")


async def heard(session, *messages):
    """As `events`, on the session's own succession of sockets."""
    session._sockets._socket = session._socket = peer = Peer(*messages)
    found = [event async for event in session.events()][:-1]
    return found, peer


def call(**fields):
    return {"toolCall": {"functionCalls": [{"name": "end_call", "args": {}, **fields}]}}


async def test_a_call_is_settled_when_the_turn_is_complete(session):
    found, _ = await heard(session, call(id="c1"), DONE)
    assert found == [ToolCall("c1", "end_call", {}, settled=False), TurnDone()]


async def test_a_turn_that_the_caller_spoke_over_settles_nothing(session):
    found, _ = await heard(session, call(id="c1"), {"serverContent": {"interrupted": True}}, DONE)
    assert found == [ToolCall("c1", "end_call", {}, settled=False), Interruption()]


async def test_a_call_that_is_cancelled_is_taken_back_and_not_answered(session):
    found, _ = await heard(session, call(id="c1"), {"toolCallCancellation": {"ids": ["c1"]}})
    assert found[-1] == ToolCancelled("c1")
    session._socket = peer = Peer()
    await session.answer_tool("c1", "done", is_error=False)
    assert not peer.told


async def test_a_call_without_an_id_is_answered_by_its_name(session):
    """Such a call was malformed, and the model waited for its answer without end."""
    found, _ = await heard(session, call(), call())
    first, second = (event.call_id for event in found)
    assert first != second
    session._socket = peer = Peer()
    await session.answer_tool(second, "done", is_error=False)
    response = {"name": "end_call", "response": {"result": "done"}}
    assert peer.told == [{"toolResponse": {"functionResponses": [response]}}]


async def test_a_call_without_a_name_is_answered(session):
    found, peer = await heard(session, call(id="c1", name=""))
    assert found == [Notice("incomplete", "tool call c1: it names no tool")]
    assert peer.told[0]["toolResponse"]["functionResponses"][0]["id"] == "c1"


async def test_a_turn_that_could_not_be_made_is_said_and_can_be_asked_for_again(session):
    reason = {"serverContent": {"turnComplete": True, "turnCompleteReason": "MALFORMED_FUNCTION_CALL"}}
    found, _ = await heard(session, reason)
    assert found == [TurnFailed("malformed_function_call", "the turn failed: MALFORMED_FUNCTION_CALL")]
    session._socket = peer = Peer()
    assert await session.ask_again()
    assert "Answer the caller" in peer.told[0]["realtimeInput"]["text"]


async def test_a_turn_that_wants_more_input_has_not_failed(session):
    reason = {"serverContent": {"turnComplete": True, "turnCompleteReason": "NEED_MORE_INPUT"}}
    assert (await heard(session, reason))[0] == [TurnDone()]


async def test_the_callers_words_are_a_sign_that_they_are_heard(session):
    """The text itself comes with the answer, and without a sign nobody would know that one is due."""
    found, _ = await heard(session, {"serverContent": {"inputTranscription": {"text": "When"}}})
    assert found[0] == CallerHeard()


def test_a_tool_that_takes_nothing_has_no_parameters():
    """Google refuses an object without properties: the session closed with 1007 before it began."""
    (tools,) = setup(GeminiOptions(), "m", CALL)["setup"]["tools"]
    by_name = {one["name"]: one for one in tools["functionDeclarations"]}
    assert "parameters" not in by_name["end_call"]
    assert by_name["transfer_to_human"]["parameters"]["required"] == ["reason", "summary"]


AUDIO = {
    "serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA"}}]}}
}


async def test_a_note_waits_for_the_end_of_the_turn(session):
    """Text in the middle of a turn cuts the model off."""
    peer = session._sockets._socket = session._socket = Peer(AUDIO, DONE)
    told = []
    async for event in session.events():
        if isinstance(event, Audio):
            assert await session.note("a minute is left")
            told = list(peer.told)
    assert told == []
    (note,) = peer.told
    assert "a minute is left" in note["realtimeInput"]["text"]
    assert "Do not answer" in note["realtimeInput"]["text"]


async def test_a_note_between_turns_is_sent_at_once(session):
    session._socket = peer = Peer()
    await session.note("ask whether the caller is there", reply=True)
    assert peer.told == [{"realtimeInput": {"text": "[Not said by the caller: ask whether the caller is there]"}}]


async def test_notes_that_wait_for_the_end_of_a_turn_are_few(session):
    session._sockets.between_turns.clear()
    for number in range(100):
        await session.note(str(number))
    _, peer = await heard(session, DONE)
    assert len(peer.told) == 16
    assert "99" in peer.told[-1]["realtimeInput"]["text"]


@pytest.mark.parametrize(
    "update", [b'{"resumable":true}', b'{"newHandle":"h1"}', b'{"newHandle":"h1","resumable":false}']
)
def test_a_session_without_a_handle_that_may_be_used_is_not_resumed(update):
    assert decode(b'{"sessionResumptionUpdate":' + update + b"}") == [Handle("")]
