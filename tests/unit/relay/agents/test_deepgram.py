"""Deepgram's session, message by message."""

import asyncio

import pytest

from common.env import SettingError
from relay.agents.deepgram.codec import settings_message
from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.deepgram.session import DeepgramSession
from relay.agents.seam import AgentText, Audio, Interruption, Notice, ToolCall, ToolCancelled, TurnDone, UtteranceDone
from relay.agents.socket import Binary
from tests.support.virtual import virtual
from tests.unit.relay.agents.peer import CALL, Peer, events
from tests.unit.relay.agents.test_vendor import configure

SAYS = {"type": "ConversationText", "role": "assistant", "content": "Good bye."}
REQUEST = {
    "type": "FunctionCallRequest",
    "functions": [{"id": "f1", "name": "end_call", "arguments": "{}", "client_side": True}],
}
CANCELLED = {"type": "FunctionCallCancelled", "functions": [{"id": "f1", "name": "end_call"}]}
SPEAKS = {"type": "UserStartedSpeaking"}
DONE = {"type": "AgentAudioDone"}
END_CALL = ToolCall("f1", "end_call", {}, settled=False)


@pytest.fixture
async def session():
    return DeepgramSession(None, DeepgramOptions(), "key")


async def test_a_goodbye_is_settled_when_all_of_it_was_sent(session):
    found, _ = await events(session, SAYS, Binary(bytes(4)), REQUEST, DONE)
    assert found == [AgentText("Good bye.", "1"), Audio(bytes(4), "1"), END_CALL, UtteranceDone("1"), TurnDone()]


async def test_a_call_that_is_cancelled_is_taken_back_and_not_answered(session):
    """Deepgram asks before the caller's turn is confirmed: a caller who went on speaking was hung up on."""
    found, _ = await events(session, REQUEST, SPEAKS, CANCELLED)
    assert found == [END_CALL, Interruption(), ToolCancelled("f1")]
    session._socket = peer = Peer()
    await session.answer_tool("f1", "done", is_error=False)
    assert not peer.told


async def test_a_call_without_a_name_is_answered(session):
    found, peer = await events(session, {"type": "FunctionCallRequest", "functions": [{"id": "f1"}]})
    assert found == [Notice("incomplete", "tool call f1: the call names no tool")]
    (answer,) = peer.of("FunctionCallResponse")
    assert answer["content"] == "error: the call names no tool"


async def test_keys_that_came_while_somebody_spoke_are_said_again(session):
    """An injection is refused while somebody speaks: the caller had pressed 1 and the agent never heard of it."""
    session._socket = first = Peer()
    await session.send_keys("1")
    found, peer = await events(session, {"type": "InjectionRefused", "message": "the agent is speaking"}, DONE)
    assert found == [Notice("injection_refused", "the agent is speaking")]
    assert peer.of("InjectUserMessage") == first.of("InjectUserMessage")
    _, peer = await events(session, {"type": "InjectionRefused", "message": "again"}, DONE)
    assert not peer.told  # once


def test_what_can_not_be_undone_waits_until_the_callers_turn_is_confirmed():
    functions = settings_message(DeepgramOptions(), CALL)["agent"]["think"]["functions"]
    deferred = {one["name"]: one.get("defer_until_eot", False) for one in functions}
    assert deferred == {"transfer_to_human": True, "control_background_sound": False, "end_call": True}


@pytest.mark.parametrize(
    ("options", "provider"),
    [
        ({}, {"version": "v1", "model": "nova-3", "language": "en"}),
        ({"listen_model": "flux-general-en"}, {"version": "v2", "model": "flux-general-en"}),
        (
            {"listen_model": "flux-general-multi", "language": "hi", "eot_threshold": 0.8, "eot_timeout_ms": 3000},
            {
                "version": "v2",
                "model": "flux-general-multi",
                "language_hints": ["hi"],
                "eot_threshold": 0.8,
                "eot_timeout_ms": 3000,
            },
        ),
    ],
)
def test_flux_is_asked_for_in_its_own_version_and_without_a_language(options, provider):
    """With `language` and no `version` the session ended with INVALID_SETTINGS when the first call came."""
    listen = settings_message(DeepgramOptions(**options), CALL)["agent"]["listen"]
    assert listen["provider"] == {"type": "deepgram", **provider}


def test_options_of_flux_with_another_model_stop_the_start():
    with pytest.raises(SettingError, match="eot_threshold and eot_timeout_ms only with a flux model"):
        configure("deepgram", eot_threshold=0.8)


async def test_a_defect_beside_reading_ends_the_conversation(session):
    """An error in a task of the session's own was lost, and the call went on without what the task was there for."""

    async def breaks():
        raise ZeroDivisionError

    session._socket = Peer()
    session._socket.give_up = lambda reason: asyncio.sleep(0)
    task = session._spawn(breaks())
    await asyncio.wait([task])
    with pytest.raises(ZeroDivisionError):
        await anext(session.events())
    await session.close()


@virtual
async def test_a_keep_alive_after_eight_seconds_without_sound():
    session = DeepgramSession(None, DeepgramOptions(), "key")
    session._socket = peer = Peer()
    session._sent_at = asyncio.get_running_loop().time()
    session._spawn(session._keep_alive())
    await asyncio.sleep(7.9)
    assert not peer.told
    await asyncio.sleep(0.2)
    assert peer.told == [{"type": "KeepAlive"}]
    await session.send_audio(b'{"sound":1}')
    await asyncio.sleep(7.8)
    assert len(peer.of("KeepAlive")) == 1
    await asyncio.sleep(0.4)
    assert len(peer.of("KeepAlive")) == 2
    await session.close()


async def test_a_note_is_added_to_the_prompt_and_one_that_wants_a_reply_is_said(session):
    session._socket = peer = Peer()
    assert await session.note("a minute is left")
    assert await session.note("ask", reply=True)
    assert peer.told == [
        {"type": "UpdatePrompt", "prompt": "a minute is left"},
        {"type": "InjectUserMessage", "content": "[Not said by the caller: ask]"},
    ]
