"""What Gemini's sound and words say to the call, turn by turn."""

import asyncio

import pytest

from relay.agents.gemini.turns import Turns
from relay.agents.seam import (
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallerTurn,
    Interruption,
    TurnDone,
    TurnFailed,
    UtteranceDone,
)

SOUND = b"\0\0"


@pytest.fixture
async def turns():
    between = asyncio.Event()
    between.set()
    return Turns(between)


async def test_a_turn_from_the_callers_words_to_its_end(turns):
    """The text of the caller belongs before the answer, though it is complete only with it."""
    assert turns.caller_words("are you ", finished=False) == (CallerHeard(),)
    assert turns.audio(SOUND) == (CallerTurn("caller1"), Audio(SOUND, "1"))
    assert turns.words("We are ") == ()
    assert turns.words("open.") == ()
    assert turns.caller_words("open?", finished=True) == (CallerText("are you open?", "caller1"),)
    assert turns.generated() == (AgentText("We are open.", "1"), UtteranceDone("1"))
    assert turns.complete(tools_wait=False) == (TurnDone(),)


async def test_turns_are_counted(turns):
    for number in ("1", "2"):
        assert turns.audio(SOUND)[-1] == Audio(SOUND, number)
        assert turns.complete(tools_wait=False) == (UtteranceDone(number), TurnDone())


async def test_a_turn_may_begin_with_words(turns):
    assert turns.words("Hello") == (CallerTurn("caller1"),)
    assert turns.audio(SOUND) == (Audio(SOUND, "1"),)
    assert turns.unfinished


async def test_what_comes_after_an_interruption_is_stale_until_the_turn_is_complete(turns):
    turns.audio(SOUND)
    turns.words("We are")
    assert turns.interrupted() == (AgentText("We are", "1"), Interruption())
    assert (turns.stale, turns.unfinished) == (True, False)
    assert turns.words(" open") == ()
    assert turns.complete(tools_wait=False) == ()
    assert not turns.stale
    assert turns.audio(SOUND) == (CallerTurn("caller2"), Audio(SOUND, "2"))


async def test_another_socket_sends_nothing_stale(turns):
    turns.audio(SOUND)
    turns.interrupted()
    turns.resumed()
    assert not turns.stale


async def test_words_of_a_turn_that_was_cut_off_come_before_the_next_turn(turns):
    """Its socket was lost, and another one goes on: `between` is set there."""
    turns.words("We are")
    turns._between.set()
    assert turns.audio(SOUND) == (AgentText("We are", "1"), CallerTurn("caller2"), Audio(SOUND, "2"))


@pytest.mark.parametrize("reason", ["", "NEED_MORE_INPUT"])
async def test_a_silent_turn_is_no_failure_by_itself(turns, reason):
    turns.because(reason)
    assert turns.complete(tools_wait=False) == (TurnDone(),)


async def test_a_silent_turn_with_a_reason_has_failed_once(turns):
    turns.because("MALFORMED_FUNCTION_CALL")
    failed = TurnFailed("malformed_function_call", "the turn failed: MALFORMED_FUNCTION_CALL")
    assert turns.complete(tools_wait=False) == (failed,)
    assert turns.complete(tools_wait=False) == (TurnDone(),)


async def test_a_turn_that_called_a_tool_has_not_failed(turns):
    turns.because("MALFORMED_FUNCTION_CALL")
    assert turns.complete(tools_wait=True) == (TurnDone(),)


async def test_a_turn_that_was_heard_has_not_failed(turns):
    turns.audio(SOUND)
    turns.because("MAX_TOKENS")
    assert turns.complete(tools_wait=False) == (UtteranceDone("1"), TurnDone())


async def test_words_of_both_are_not_lost_when_the_vendor_closes(turns):
    turns.words("Good")
    turns.caller_words("Hel", finished=False)
    assert turns.unsaid() == (CallerText("Hel", "caller1"), AgentText("Good", "1"))
    assert turns.unsaid() == ()
