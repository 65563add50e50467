"""What an agent may cost its call."""

import pytest

from relay.agents.budget import (
    NOTICES_LOGGED,
    TEXT_CHARACTERS,
    UTTERANCE_CHARACTERS,
    UTTERANCES,
    AgentBudget,
    Allowance,
    Rate,
    joined,
)
from relay.agents.flood import FloodError
from relay.agents.seam import (
    AgentCorrection,
    AgentText,
    Audio,
    CallerText,
    CallerTurn,
    Interruption,
    Notice,
    ToolCall,
    TurnFailed,
)
from tests.support.virtual import virtual
from tests.unit.relay.talk import Session, Talk, speech

WORDS = "x" * 1000


def spent(event, *, every_s: float = 0.0, limit: int = 30_000) -> int:
    """How many such events an agent gets away with."""
    budget = AgentBudget()
    for number in range(limit):
        try:
            budget.spend(event(number) if callable(event) else event, number * every_s)
        except FloodError:
            return number
    return limit


@pytest.mark.parametrize(
    ("event", "allowed"),
    [
        (speech(0.02), 20_000),
        (lambda number: Audio(b"", str(number)), UTTERANCES),
        (AgentText(WORDS, "1"), TEXT_CHARACTERS // 1000),
        (AgentCorrection(WORDS, "1"), TEXT_CHARACTERS // 1000),
        (CallerText(WORDS), TEXT_CHARACTERS // 1000),
        (CallerText(""), UTTERANCES),
        (CallerTurn("c"), UTTERANCES),
        (ToolCall("t", "lookup", {}), 30),
        (ToolCall("t", "lookup", {"deep": [{"er": "x" * 50_000}]}), TEXT_CHARACTERS // 50_000),
        (TurnFailed("server_error", ""), 20),
        (Interruption(), 200),
        (Notice("error", "again"), 1000),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_more_at_once_than_a_conversation_needs_is_a_flood(event, allowed):
    """Text in a burst took 6 GB and stopped the relay, notices wrote 37 MB of log, tools posted 1,123 events."""
    assert abs(spent(event) - allowed) <= 5


@pytest.mark.parametrize(
    ("event", "every_s"),
    [(speech(0.02), 0.01), (ToolCall("t", "lookup", {}), 2.0), (Interruption(), 1.0), (Notice("error", "again"), 2.0)],
)
def test_an_hour_of_a_lively_conversation_is_none(event, every_s):
    count = round(3600 / every_s)
    assert spent(event, every_s=every_s, limit=count) == count


def test_an_allowance_fills_up_again_and_not_beyond():
    allowance = Allowance(Rate("things", per_s=2, burst=10))
    assert [allowance.allows(0.0) for _ in range(11)] == [True] * 10 + [False]
    assert [allowance.allows(1.0) for _ in range(3)] == [True, True, False]
    assert [allowance.allows(1000.0) for _ in range(11)] == [True] * 10 + [False]
    with pytest.raises(FloodError, match="more things than 10 at once and 2 a second after that"):
        allowance.take(1000.0)
    assert FloodError("this").reason == "flood"


def test_words_that_come_in_pieces_have_to_end():
    """Put together again and again, they cost a relay all its time before anybody counted them."""
    assert joined("Good ", "morning") == "Good morning"
    assert len(joined("x" * (UTTERANCE_CHARACTERS - 1), "x")) == UTTERANCE_CHARACTERS
    with pytest.raises(FloodError, match="50,000 characters in one utterance"):
        joined("x" * UTTERANCE_CHARACTERS, "x")


@virtual
async def test_an_agent_that_floods_has_failed_and_the_next_one_takes_over():
    first, second = Session(), Session()
    talk = Talk(first, second)
    for number in range(31):
        first.put(ToolCall(f"t{number}", "control_background_sound", {"volume": 0.5}))
    await talk.stop_after(0.1)
    assert talk.agents[:2] == [("agent_0", "flood"), ("agent_1", "stopped")]
    assert len(talk.ambience) <= 30


@virtual
async def test_more_speech_than_can_wait_is_a_flood_of_a_vendor_s():
    """Its socket is not read meanwhile, so its pings are not answered: better say so than have it die of that."""
    first, second = Session(), Session()
    talk = Talk(first, second)
    for number in range(400):
        first.put(speech(1, seed=number))
    await talk.stop_after(30)
    assert talk.agents[0] == ("agent_0", "flood")
    assert talk.playout.queued_samples == 0  # the next one is not heard behind five minutes of it


@virtual
async def test_a_bot_with_much_to_say_is_left_to_say_it():
    bot = Session()
    bot.can_wait = True
    talk = Talk(bot)
    for number in range(400):
        bot.put(speech(1, seed=number))
    await talk.stop_after(90)
    assert talk.agents == [("agent_0", "stopped")]
    assert talk.playout.queued_samples >= 299 * 8000


@virtual
async def test_remarks_fill_no_log(caplog):
    caplog.set_level("INFO", logger="relay")
    session = Session()
    talk = Talk(session)
    for _ in range(500):
        session.put(Notice("error", WORDS))
    await talk.stop_after(0.1)
    lines = [entry for entry in caplog.records if getattr(entry, "event", "") == "agent_notice"]
    assert len(lines) == NOTICES_LOGGED
    assert max(len(entry.getMessage()) for entry in lines) < 400
