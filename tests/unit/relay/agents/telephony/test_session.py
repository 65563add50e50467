"""A bot that speaks a carrier's protocol: what it is sent, what it says, and how it ends, without a socket."""

import asyncio
import json
from base64 import b64decode, b64encode
from functools import partial

import pytest

from relay.agents.seam import (
    AgentError,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallerTurn,
    Ended,
    Interruption,
    Notice,
    ToolCall,
    TurnDone,
    UtteranceDone,
)
from relay.agents.socket import Binary, Closed
from relay.agents.telephony.exotel import ExotelDialect
from relay.agents.telephony.session import PAUSE, TelephonySession
from relay.at_once import DONE, Later
from tests.support.virtual import virtual
from tests.unit.relay.agents.peer import CALL
from tests.unit.relay.tone import noise

FRAME = 320  # bytes of 20 ms
SOUND = bytes(range(1, 161)) * 2


class Bot:
    """Stands where AgentSocket does: says what a test puts there, keeps what it is told."""

    def __init__(self):
        self._says = asyncio.Queue()
        self.told = []
        self.closed = False

    def say(self, *messages):
        for message in messages:
            self._says.put_nowait(message if isinstance(message, bytes | Closed | Exception) else encoded(message))

    async def receive(self, hear=None):
        message = await self._says.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, message):
        self.told.append(json.loads(message))

    async def close(self):
        self.closed = True

    def of(self, event):
        return [message for message in self.told if message["event"] == event]


def encoded(message):
    return json.dumps(message).encode()


def media(sound=SOUND):
    return {"event": "media", "media": {"payload": b64encode(sound).decode()}}


def mark(name):
    return {"event": "mark", "mark": {"name": name}}


CLEAR = {"event": "clear"}


@pytest.fixture
def opened(monkeypatch):
    """How to begin a session with a bot; `given`: url and headers of the upgrade."""

    async def begin(**parameters):
        bot = Bot()

        async def open_socket(http, url, *, headers=None):
            bot.given = (url, headers)
            return bot

        monkeypatch.setattr("relay.agents.telephony.session.AgentSocket.open", open_socket)
        session = TelephonySession(
            None, "wss://bot", lambda call: ExotelDialect(call, 8000), headers={"X": "1"}, parameters=parameters
        )
        formats = await session.connect(CALL)
        assert formats.heard == formats.spoken
        return session, bot

    return begin


async def waiting(session):
    """What the call gets now."""
    for _ in range(20):
        await asyncio.sleep(0)
    return [session._events.get_nowait() for _ in range(session._events.qsize())]


# --- towards the bot ---


@virtual
async def test_the_stream_begins_with_the_call_s_data(opened):
    session, bot = await opened(shop="7")
    assert bot.given == ("wss://bot", {"X": "1"})
    assert [message["event"] for message in bot.told] == ["connected", "start"]
    assert bot.told[1]["start"]["custom_parameters"] == {"shop": "7"}
    await session.close()
    assert bot.told[-1]["event"] == "stop"
    assert bot.closed


@virtual
async def test_the_caller_s_sound_goes_in_messages_of_20_ms(opened):
    session, bot = await opened()
    for size in (FRAME - 2, 4, 2 * FRAME, FRAME - 2):
        await session.send_audio(bytes(size))
    chunks = [message["media"] for message in bot.of("media")]
    assert [(one["chunk"], one["timestamp"]) for one in chunks] == [
        *(("1", "0"), ("2", "20"), ("3", "40"), ("4", "60"))
    ]
    await session.close()


@virtual
async def test_sound_of_several_messages_goes_whole_and_in_order_though_the_bot_does_not_read_for_a_while(opened):
    """Each message may go at once or have to wait."""
    session, bot = await opened()
    tell, waits = bot.send, [False, True, False, True, True, False, False]

    async def send_late(message):
        await asyncio.sleep(1)
        await tell(message)

    def send(message):
        if waits.pop(0):
            return Later(partial(send_late, message))
        bot.told.append(json.loads(message))
        return DONE

    bot.send = send
    sound = noise(160 * 7, seed=5).tobytes()
    await session.send_audio(sound[:FRAME])
    assert len(bot.of("media")) == 1
    await session.send_audio(sound[FRAME:])
    assert b"".join(b64decode(message["media"]["payload"]) for message in bot.of("media")) == sound
    bot.send = tell
    await session.close()


@virtual
async def test_keys_go_one_by_one(opened):
    session, bot = await opened()
    await session.send_keys("1#")
    assert [message["dtmf"]["digit"] for message in bot.of("dtmf")] == ["1", "#"]
    await session.close()


async def hear(session, seconds, sound=None):
    for number in range(round(seconds * 50)):
        await asyncio.sleep(0.02)
        await session.send_audio(sound[number * FRAME : (number + 1) * FRAME] if sound else bytes(FRAME))


@virtual
async def test_the_caller_s_turns_are_told_from_the_sound(opened):
    """The protocol has no words: a record without them would show a bot that talks to nobody."""
    session, _ = await opened()
    voice = noise(8000 * 2, seed=3).tobytes()
    await hear(session, 1.0)
    assert await waiting(session) == []
    await hear(session, 1.0, voice)
    events = await waiting(session)
    assert (events[0], set(events[1:])) == (CallerTurn("c1"), {CallerHeard()})
    await hear(session, 0.6)
    assert CallerText("…", "c1") not in await waiting(session), "a pause is no end"
    await hear(session, 0.8)
    assert [one for one in await waiting(session) if one != CallerHeard()] == [CallerText("…", "c1")]
    await hear(session, 1.0)
    assert await waiting(session) == []
    await hear(session, 0.6, voice)
    assert (await waiting(session))[0] == CallerTurn("c2")
    await session.close()


# --- from the bot ---


@virtual
async def test_sound_is_an_utterance_until_a_mark_and_the_mark_comes_back_once_it_was_heard(opened):
    session, bot = await opened()
    bot.say(media(), media(), mark("m1"), media())
    assert await waiting(session) == [
        *(AgentText("…", "1"), Audio(SOUND, "1"), Audio(SOUND, "1"), UtteranceDone("1"), TurnDone()),
        *(AgentText("…", "2"), Audio(SOUND, "2")),
    ]
    assert not bot.of("mark")
    await session.heard("1")
    assert [message["mark"]["name"] for message in bot.of("mark")] == ["m1"]
    bot.say(mark("m2"))
    await waiting(session)
    await session.heard("2")
    bot.say(mark("m3"))
    await waiting(session)
    assert [message["mark"]["name"] for message in bot.of("mark")] == ["m1", "m2", "m3"], "nothing is waited for"
    await session.close()


@virtual
async def test_without_marks_a_pause_ends_an_utterance(opened):
    session, bot = await opened()
    bot.say(media())
    await waiting(session)
    await asyncio.sleep(PAUSE - 0.01)
    bot.say(media())
    assert await waiting(session) == [Audio(SOUND, "1")]
    await asyncio.sleep(PAUSE - 0.01)
    assert await waiting(session) == []
    await asyncio.sleep(0.02)
    assert await waiting(session) == [UtteranceDone("1"), TurnDone()]
    await session.close()


@virtual
async def test_a_clear_interrupts_gives_the_marks_back_and_leaves_no_pause(opened):
    session, bot = await opened()
    bot.say(media(), mark("m1"), media(), CLEAR)
    events = await waiting(session)
    assert events[-1] == Interruption()
    assert [message["mark"]["name"] for message in bot.of("mark")] == ["m1"]
    await asyncio.sleep(PAUSE + 0.1)
    assert await waiting(session) == []
    await session.close()


@virtual
async def test_what_makes_no_sense_is_noted_once_of_each_kind(opened):
    session, bot = await opened()
    bot.say(b"{", b"[", {"event": "dance"}, {"event": "dance"}, {"event": "sing"}, {"event": "start"}, Binary(b"x"))
    notices = await waiting(session)
    assert [(one.kind, one.text) for one in notices[1:]] == [
        *(("unknown", "message 'dance'"), ("unknown", "message 'sing'")),
    ]
    assert (type(notices[0]), notices[0].kind) == (Notice, "malformed")
    await session.close()


@virtual
async def test_a_binary_message_is_not_read_as_one_of_text(opened):
    session, bot = await opened()
    bot.say(Binary(encoded(media())))
    [notice] = await waiting(session)
    assert notice == Notice("malformed", "a binary message: expected JSON as text")
    await session.close()


@virtual
async def test_a_bot_that_says_more_than_is_played_is_not_read_meanwhile(opened):
    session, bot = await opened()
    bot.say(*[media()] * 200)
    await asyncio.sleep(5)
    assert session._events.qsize() == 64
    assert bot._says.qsize() > 100
    sounds = []
    while len(sounds) < 200:
        sounds += [event for event in await waiting(session) if isinstance(event, Audio)]
    assert len(sounds) == 200
    await session.close()


# --- what a bot asks beside its stream ---


@pytest.mark.parametrize(("is_error", "refusal"), [(False, ""), (True, "unknown target")])
@virtual
async def test_a_request_is_answered_with_the_reason_of_a_refusal(opened, is_error, refusal):
    session, _ = await opened()
    asked = asyncio.create_task(session.use("transfer_to_human", {"target": "sales"}))
    [call] = await waiting(session)
    assert (call.name, call.parameters) == ("transfer_to_human", {"target": "sales"})
    await session.answer_tool("another", "x", is_error=True)
    await session.answer_tool(call.call_id, "unknown target", is_error=is_error)
    assert await asked == refusal
    await session.close()


@virtual
async def test_a_request_still_open_at_the_end_is_not_waited_for(opened):
    session, _ = await opened()
    asked = asyncio.create_task(session.use("transfer_to_human", {}))
    session.order("end_call", {})
    assert [type(event) for event in await waiting(session)] == [ToolCall, ToolCall]
    await session.close()
    assert await asked == ""


# --- the end ---


@pytest.mark.parametrize("code", [1000, 1001, 1005])
@virtual
async def test_a_close_after_speech_is_a_goodbye(opened, code):
    session, bot = await opened()
    bot.say(media(), Closed(code, "bye"))
    events = await waiting(session)
    assert events[-3:] == [
        *(UtteranceDone("1"), TurnDone(), Ended(by_agent=True, reason="ended", detail=f"{code} bye"))
    ]
    await session.close()


@pytest.mark.parametrize(("says", "code"), [((), 1000), ((media(),), 1006), ((media(),), 1011)])
@virtual
async def test_a_close_before_speech_or_with_an_error_is_a_failure(opened, says, code):
    session, bot = await opened()
    bot.say(*says, Closed(code, ""))
    assert (await waiting(session))[-1] == Ended(by_agent=False, reason=f"close_{code}", detail=str(code))
    await session.close()


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (AgentError("flood", "too many messages"), "flood", "too many messages"),
        (KeyError("x"), "defect", "KeyError: 'x'"),
    ],
)
@virtual
async def test_an_error_while_reading_ends_the_agent_and_not_the_call(opened, error, reason, detail):
    session, bot = await opened()
    bot.say(error)
    assert await waiting(session) == [Ended(by_agent=False, reason=reason, detail=detail)]
    await session.close()


@virtual
async def test_events_end_with_the_bot(opened):
    session, bot = await opened()
    bot.say(media(), Closed(1000, ""))
    async with asyncio.timeout(1):
        events = [event async for event in session.events()]
    assert isinstance(events[-1], Ended)
    await session.close()


@virtual
async def test_nothing_can_be_sent_before_the_bot_is_there():
    session = TelephonySession(None, "wss://bot", None, headers={}, parameters={})
    with pytest.raises(AgentError, match="nothing can be sent before connect"):
        await session.send_keys("1")
    assert session.stalled_for(0.0) == 0.0
    await session.give_up("x")
    await session.close()
