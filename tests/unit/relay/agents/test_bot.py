"""What the session with a user's own code does with each thing that happens, without a call around it."""

import asyncio
from typing import Annotated

import msgspec
import pytest

from relay.agents.bot import Bot, Wrapper, tool
from relay.agents.bot.function_tool import tools_of
from relay.agents.bot.session import FRAME_BYTES, BotSession
from relay.agents.bot.wrapper import WrapperSession
from relay.agents.seam import (
    AgentError,
    AgentText,
    Audio,
    CallerText,
    Ended,
    Interruption,
    Notice,
    ToolCall,
    UtteranceDone,
)
from tests.support.virtual import virtual
from tests.unit.relay.agents.peer import CALL
from tests.unit.relay.talk import Session

SECOND = bytes(32_000)


class Diary(Bot):
    """Writes down what it is told; `trouble`: what to do in a hook."""

    trouble = None

    def __init__(self):
        self.told = []

    def _note(self, *what):
        self.told.append(what)
        if self.trouble and self.trouble[0] == what[0]:
            return self.trouble[1]()
        return None

    def on_start(self):
        return self._note("start")

    def on_audio(self, pcm):
        return self._note("audio", len(pcm))

    def on_dtmf(self, key):
        return self._note("key", key)

    def on_interrupted(self, heard_ms):
        return self._note("interrupted", heard_ms)

    def on_note(self, text, reply):
        return self._note("note", text, reply)

    def on_stop(self):
        return self._note("stop")


async def started(bot=None):
    bot = bot or Diary()
    session = BotSession(bot, "Diary", None)
    await session.connect(CALL)
    await asyncio.sleep(0)
    return session, bot


def waiting(session):
    """The events that the call would get now."""
    return [session._events.get_nowait() for _ in range(session._events.qsize())]


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


# --- towards the bot ---


@virtual
async def test_sound_comes_in_frames_of_20_ms_however_it_arrives():
    session, bot = await started()
    for size in (FRAME_BYTES - 1, 2, 3 * FRAME_BYTES, FRAME_BYTES - 1):
        await session.send_audio(bytes(size))
    await settled()
    assert bot.told == [("start",), *[("audio", FRAME_BYTES)] * 5]
    await session.close()


@virtual
async def test_what_happens_is_told_in_order_and_one_key_at_a_time():
    session, bot = await started()
    await session.send_keys("1#")
    await session.interrupted("1", 300)
    assert await session.note("a minute is left", reply=True)
    await settled()
    assert bot.told[1:] == [("key", "1"), ("key", "#"), ("interrupted", 300), ("note", "a minute is left", True)]
    await session.close()


@virtual
async def test_a_bot_without_on_note_takes_no_notes():
    class Deaf(Bot):
        pass

    session, _ = await started(Deaf())
    assert not await session.note("anything")
    await session.close()


@virtual
async def test_a_bot_that_is_half_a_minute_behind_misses_sound_and_that_is_said_once():
    bot = Diary()
    bot.trouble = ("start", lambda: asyncio.sleep(100))
    session, _ = await started(bot)
    for _ in range(1600):
        await session.send_audio(bytes(FRAME_BYTES))
    await asyncio.sleep(101)
    assert bot.told.count(("audio", FRAME_BYTES)) == 1501
    assert waiting(session) == [Notice("bot", "Diary is 30 s behind: on_audio misses sound")]
    await session.close()


# --- from the bot ---


@virtual
async def test_an_utterance_lasts_from_its_first_word_until_it_was_heard():
    session, bot = await started()
    bot.say(SECOND[:16_000], "Hello")
    bot.say(SECOND[:16_000])
    assert bot.speaking
    assert waiting(session) == [AgentText("Hello", "1"), Audio(SECOND[:16_000], "1"), Audio(SECOND[:16_000], "1")]
    await asyncio.sleep(1.09)
    assert bot.speaking
    assert not waiting(session)
    await asyncio.sleep(0.02)
    assert not bot.speaking
    assert waiting(session) == [UtteranceDone("1")]
    bot.say(SECOND[:2])
    assert [event.utterance for event in waiting(session)] == ["2"]
    await session.close()


@virtual
async def test_new_words_with_sound_are_a_new_utterance_and_words_alone_are_not():
    session, bot = await started()
    bot.say(SECOND, "one")
    bot.say(b"", "more of one")
    bot.say(SECOND, "two")
    utterances = [event.utterance for event in waiting(session)]
    assert sorted(set(utterances)) == ["1", "2"]
    assert utterances == sorted(utterances)
    await asyncio.sleep(2.05)
    assert bot.speaking, "the second follows the first"
    await asyncio.sleep(0.1)
    assert not bot.speaking
    await session.close()


@virtual
async def test_words_alone_are_an_utterance_without_sound():
    session, bot = await started()
    bot.say(b"", "nothing to hear")
    assert waiting(session) == [AgentText("nothing to hear", "1")]
    assert not bot.speaking
    await session.close()


@virtual
async def test_clearing_ends_the_utterance_at_once():
    session, bot = await started()
    bot.say(SECOND, "Hello")
    played = asyncio.create_task(bot.played_out())
    bot.clear()
    await settled()
    assert played.done()
    assert waiting(session)[-1] == Interruption()
    bot.say(SECOND)
    assert {event.utterance for event in waiting(session)} == {"2"}
    await asyncio.sleep(1.2)
    assert waiting(session) == [UtteranceDone("2")], "the clock begins anew, and the first has no end"
    await session.close()


@pytest.mark.parametrize("is_error", [False, True])
@virtual
async def test_a_tool_s_outcome_is_what_the_bot_awaits(is_error):
    session, bot = await started()
    asked = [bot.transfer("sales", "asked", "two"), bot.ambience(enabled=False)]
    calls = waiting(session)
    assert [call.name for call in calls] == ["transfer_to_human", "control_background_sound"]
    assert calls[0].parameters == {"target": "sales", "reason": "asked", "summary": "two"}
    assert calls[1].parameters == {"enabled": False, "volume": None}
    assert len({call.call_id for call in calls}) == 2
    for call in calls:
        await session.answer_tool(call.call_id, "x", is_error=is_error)
    await session.answer_tool("unknown", "x", is_error=False)
    assert [await one for one in asked] == [not is_error] * 2
    await session.close()


@virtual
async def test_what_it_says_of_the_call():
    session, bot = await started()
    bot.caller_said("Two please")
    bot.log("a line")
    bot.hang_up()
    bot.log("too late")
    assert waiting(session) == [
        *(
            CallerText("Two please"),
            Notice("bot", "a line"),
            Ended(by_agent=True, reason="ended", detail="Diary hung up"),
        )
    ]
    await session.close()


# --- errors, and the end ---


@pytest.mark.parametrize("hook", ["start", "audio", "key"])
@virtual
async def test_an_error_ends_the_session_and_names_the_hook(hook):
    bot = Diary()
    bot.trouble = (hook, lambda: 1 / 0)
    session, _ = await started(bot)
    await session.send_audio(bytes(FRAME_BYTES))
    await session.send_keys("1")
    await settled()
    [ended] = waiting(session)
    name = {"start": "on_start", "audio": "on_audio", "key": "on_dtmf"}[hook]
    assert (ended.by_agent, ended.reason) == (False, "defect")
    assert ended.detail == f"Diary.{name}: ZeroDivisionError: division by zero"
    await session.close()


@virtual
async def test_an_error_beside_the_hooks_names_the_task():
    session, bot = await started()

    async def looking_up():
        raise KeyError("x")

    bot.spawn(looking_up())
    await settled()
    assert waiting(session)[0].detail == "Diary.looking_up: KeyError: 'x'"
    await session.close()


@virtual
async def test_it_may_clean_up_once_and_not_for_long(caplog):
    bot = Diary()
    bot.trouble = ("stop", lambda: asyncio.sleep(60))
    session, _ = await started(bot)
    beside = bot.spawn(asyncio.sleep(1000))
    began = asyncio.get_running_loop().time()
    await session.close()
    await session.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(2.0)
    assert bot.told == [("start",), ("stop",)]
    assert "Diary.on_stop took too long" in caplog.text
    assert beside.cancelled()


@virtual
async def test_a_bot_that_never_started_is_not_cleaned_up():
    bot = Diary()
    await BotSession(bot, "Diary", None).close()
    assert bot.told == []


@virtual
async def test_what_is_said_is_nobody_s_after_the_end():
    session, bot = await started()
    await session.close()
    bot.say(SECOND, "Hello")
    await asyncio.sleep(2)
    assert waiting(session) == []


# --- code around an agent ---


class Around(Wrapper):
    """Drops notices, changes words, and offers a tool."""

    def on_event(self, event):
        if isinstance(event, Notice):
            return None
        return AgentText(event.text.upper(), event.utterance) if isinstance(event, AgentText) else event

    @tool("The order's status.", irreversible=True)
    async def order_status(
        self, order: Annotated[int, msgspec.Meta(description="its number")], *, language: str = "en"
    ) -> str:
        return f"{order} in {language}"


async def wrapped(wrapper=None, inner=None):
    inner = inner or Session()
    session = WrapperSession(wrapper or Around(), "Around", inner)
    await session.connect(CALL)
    return session, inner


async def told(session, count):
    return [await anext(session.events()) for _ in range(count)]


@virtual
async def test_events_pass_as_the_code_returns_them_and_the_end_always_passes():
    session, inner = await wrapped()
    sound = Audio(SECOND, "1")
    inner.put(Notice("x", "y"), sound, AgentText("hello", "1"), Ended(by_agent=True, reason="ended"))
    assert await told(session, 3) == [sound, AgentText("HELLO", "1"), Ended(by_agent=True, reason="ended")]
    await session.close()
    assert inner.closed


async def test_what_the_call_tells_an_agent_passes_its_wrapper_as_it_is():
    asked = []

    class Inner(Session):
        async def note(self, text, *, reply=False):
            asked.append((text, reply))
            return reply

        async def ask_again(self):
            return True

    session, _ = await wrapped(inner=Inner())
    assert await session.note("Ask whether they are there.", reply=True) is True
    assert await session.note("A minute is left.") is False
    assert asked == [("Ask whether they are there.", True), ("A minute is left.", False)]
    assert await session.ask_again() is True
    await session.close()


@virtual
async def test_the_end_cannot_be_dropped_but_it_can_be_another():
    class Silent(Wrapper):
        def on_event(self, event):
            return self.instead

    for instead in (None, Notice("x", "y"), Ended(by_agent=False, reason="mine")):
        wrapper = Silent()
        wrapper.instead = instead
        session, inner = await wrapped(wrapper)
        inner.put(Ended(by_agent=True, reason="ended"))
        [event] = await told(session, 1)
        assert event.reason == ("mine" if isinstance(instead, Ended) else "ended")
        await session.close()


@virtual
async def test_an_agent_that_breaks_off_ends_with_its_own_reason():
    session, inner = await wrapped()
    inner.put(AgentError("http_503", "busy"))
    assert await told(session, 1) == [Ended(by_agent=False, reason="http_503", detail="busy")]
    await session.close()


@virtual
async def test_the_wrapper_s_tools_are_offered_with_the_agent_s():
    session, inner = await wrapped()
    [offered] = inner.call.own_tools
    assert offered["name"] == "order_status"
    assert [one.name for one in session.tools] == ["order_status"]
    await session.close()


@virtual
async def test_an_answer_goes_to_whoever_asked():
    session, inner = await wrapped()
    asked = session._wrapper.transfer("sales")
    [call] = await told(session, 1)
    assert isinstance(call, ToolCall)
    await session.answer_tool(call.call_id, "done", is_error=False)
    await session.answer_tool("agent's", "done", is_error=True)
    assert await asked
    assert inner.sent == [("agent's", "done", True)]
    await session.close()


@pytest.mark.parametrize(
    ("given", "answer"),
    [({"order": 7}, "7 in en"), ({"order": "7", "language": "hi"}, "7 in hi")],
)
async def test_a_tool_gets_its_arguments_as_it_declares_them(given, answer):
    [found] = tools_of(Around())
    assert await found.run(given) == answer


@pytest.mark.parametrize("given", [{}, {"order": "many"}, {"order": 7, "language": 5}])
async def test_arguments_that_do_not_fit_are_told_to_the_model(given):
    [found] = tools_of(Around())
    with pytest.raises(ValueError, match="order|language"):
        await found.run(given)


def test_a_tool_describes_itself():
    [found] = tools_of(Around())
    assert (found.name, found.description, found.irreversible) == ("order_status", "The order's status.", True)
    assert found.parameters["required"] == ["order"]
    assert found.parameters["properties"]["order"] == {"type": "integer", "description": "its number"}
    assert found.parameters["properties"]["language"]["default"] == "en"


def test_what_cannot_be_described_is_no_tool():
    class Plain:
        @tool("x")
        def now(self) -> str: ...

    class Bare:
        @tool("x")
        async def of(self, order) -> str: ...

    class Many:
        @tool("x")
        async def of(self, *orders: int) -> str: ...

    for kind, problem in ((Plain, "now to be an async"), (Bare, "parameter order to"), (Many, "parameter orders to")):
        with pytest.raises(TypeError, match=problem):
            list(tools_of(kind()))
