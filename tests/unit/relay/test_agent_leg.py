"""A call's time with one agent: readiness, answers, tools that can't be undone, defects that cost only the agent."""

import asyncio

import pytest

from common.aside import aside
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
    ToolCancelled,
    TurnDone,
    TurnFailed,
    UtteranceDone,
    Working,
)
from relay.audio.convert import AudioFormat, Converter, Encoding
from relay.call.agent_leg import STALL_LIMIT
from relay.call.hand_over import LIMIT, QUIET
from relay.call.tool_use import HEARD_AFTER, SETTLED_AFTER
from relay.call.tools import Tool, ToolResult
from relay.events.records import EndReason
from relay.sounds import Apology
from tests.support.virtual import virtual
from tests.unit.relay.talk import DIED, HUNG_UP, LINE, Destination, Session, Talk, speech
from tests.unit.relay.tone import noise

TRANSFER = {"target": "sales", "reason": "asked", "summary": "wants two"}
BUSY = AgentError("http_503", "busy")


def transfer(call_id: str = "t1", *, settled: bool = True) -> ToolCall:
    return ToolCall(call_id, "transfer_to_human", TRANSFER, settled=settled)


def end_call(*, settled: bool = False) -> ToolCall:
    return ToolCall("e1", "end_call", {}, settled=settled)


# --- readiness ---


@virtual
async def test_a_key_before_the_agent_is_ready_waits_for_it():
    """`#` at 300 ms while the vendor's upgrade took 600 ms ended the call with an AssertionError."""
    session = Session(connect_s=0.6)
    talk = Talk(session)
    await asyncio.sleep(0.3)
    talk.conversation.send_keys("1#")
    talk.conversation.send_keys("2#")
    await asyncio.sleep(1)
    assert session.sent == ["1#", "2#"]
    assert not talk.outcome.done()
    await talk.stop()


@virtual
async def test_keys_pressed_while_the_second_agent_connects_reach_it_in_order():
    first, second = Session(connect_s=0.5, refuses=BUSY), Session(connect_s=2.0)
    talk = Talk(first, second)
    for at in (0.2, 0.5, 0.5):
        await asyncio.sleep(at)
        talk.conversation.send_keys(f"{talk.now:g}")
    await asyncio.sleep(3)
    assert first.sent == []
    assert second.sent == ["0.2", "0.7", "1.2"]
    await talk.stop()


@virtual
async def test_a_key_that_the_dying_agent_could_not_take_is_not_lost():
    first, second = Session(), Session()
    first.broken.add("send_keys")
    talk = Talk(first, second)
    await asyncio.sleep(0.1)
    talk.conversation.send_keys("7#")
    await asyncio.sleep(0.1)
    assert second.sent == ["7#"]
    await talk.stop()


@virtual
async def test_keys_pressed_after_an_agent_died_are_not_sent_to_it():
    first, second = Session(), Session(connect_s=2.0)
    talk = Talk(first, second)
    await asyncio.sleep(1)
    first.put(DIED)
    await asyncio.sleep(1)
    talk.conversation.send_keys("7#")
    await asyncio.sleep(3)
    assert (first.sent, second.sent) == ([], ["7#"])
    await talk.stop()


@virtual
async def test_an_entry_of_keys_reaches_a_menu_key_by_key():
    """Collected for an agent that takes entries, delivered to the menu that has taken over from it."""
    menu = Session(connect_s=0.5)
    menu.wants_each_key = True
    talk = Talk(menu)
    await asyncio.sleep(0.1)
    talk.conversation.send_keys("12#")
    await asyncio.sleep(1)
    assert menu.sent == ["1", "2", "#"]
    await talk.stop()


@virtual
async def test_a_tool_answer_goes_to_the_agent_that_asked_and_to_no_other():
    """The first agent's call id means nothing to the second, or something else."""
    first, second = Session(), Session()
    talk = Talk(first, second)
    talk.destination.answer_after_s = 1.0
    talk.destination.verdict = {"accepted": False, "reason": "unknown target"}
    first.put(transfer())
    await asyncio.sleep(0.5)
    first.put(DIED)
    await asyncio.sleep(2)
    assert second.call is not None
    assert second.sent == []
    await talk.stop()


# --- others ---


@pytest.mark.parametrize("event", [Notice("queue", "1"), speech(0.02)])
@virtual
async def test_an_agent_that_sends_much_at_once_takes_turns_with_other_calls(event):
    session, turns = Session(), 0
    talk = Talk(session)
    await asyncio.sleep(1)
    session.put(*[event] * 200)
    while session.waiting:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 199
    await talk.stop()


# --- defects ---


@pytest.mark.parametrize("where", ["send_keys", "answer_tool", "interrupted", "send_audio", "connect", "events"])
@virtual
async def test_a_defect_in_what_one_agent_does_costs_that_agent_only(where):
    """An exception in a helper task of one session ended the call; a healthy fallback was never asked."""
    first, second = Session(), Session()
    first.broken.add(where)
    talk = Talk(first, second)
    await asyncio.sleep(0.1)
    talk.conversation.send_keys("1")
    first.put(speech(2), ToolCall("a1", "control_background_sound", {"volume": 0.5}))
    await talk.parts.uplink.send(bytes(320))
    await asyncio.sleep(0.5)
    first.put(Interruption(), ZeroDivisionError("in events"))
    await asyncio.sleep(0.5)
    assert talk.agents == [("agent_0", "defect"), ("agent_1", "")]
    assert "ZeroDivisionError" in talk.facts.agents[0].end_detail
    second.put(HUNG_UP)
    assert await talk.over() == (EndReason.AGENT_ENDED, "")
    await talk.stop()


@virtual
async def test_a_bot_that_can_not_even_be_made_costs_that_agent_only():
    first, second = Session(), Session()
    first.broken.add("constructor")
    talk = Talk(first, second)
    second.put(HUNG_UP)
    assert (await talk.over())[0] is EndReason.AGENT_ENDED
    assert talk.agents == [("agent_0", "defect"), ("agent_1", "ended")]
    await talk.stop()


@virtual
async def test_an_error_while_a_dead_agent_is_closed_is_nobodys_end():
    first, second = Session(), Session()
    first.broken.add("close")
    talk = Talk(first, second)
    first.put(DIED)
    await asyncio.sleep(0.1)
    assert first.closed
    assert second.call is not None
    await talk.stop()


@virtual
async def test_a_call_that_ends_closes_its_agent():
    session = Session()
    talk = Talk(session)
    await asyncio.sleep(1)
    await talk.stop()
    assert session.closed
    assert talk.agents == [("agent_0", "stopped")]


@virtual
async def test_a_session_whose_events_stop_has_failed_and_not_hung_up():
    """The caller goes on with the next agent."""

    class BreaksOff(Session):
        async def events(self):
            yield speech(0.1)

    second = Session()
    talk = Talk(BreaksOff(), second)
    await asyncio.sleep(1)
    assert talk.agents == [("agent_0", "stopped"), ("agent_1", "")]
    assert talk.facts.agents[0].end_detail == "the session broke off"
    assert not talk.outcome.done()
    await talk.stop()


@virtual
async def test_when_nobody_is_left_the_call_ends_with_the_defect():
    session = Session()
    talk = Talk(session)
    session.put(ZeroDivisionError("boom"))
    reason, detail = await talk.over()
    assert reason is EndReason.AGENT_FAILED
    assert detail == "agent_0: defect defect: ZeroDivisionError: boom"
    await talk.stop()


@virtual
async def test_an_agent_that_does_not_read_is_given_up():
    session = Session()
    talk = Talk(session)
    await asyncio.sleep(0.1)
    talk.conversation.check(talk.loop.time())
    session.stalled_s = STALL_LIMIT + 0.1
    talk.conversation.check(talk.loop.time())
    assert (await talk.over())[1].startswith("agent_0: given_up the agent has not read for 5 s")
    await talk.stop()


# --- how long the caller waits ---


@virtual
async def test_an_agent_that_is_heard_in_time_is_never_late_again():
    """Without this the limit for the first words would end every call in its middle."""
    session = Session()
    talk = Talk(session, first_audio_s=3.0)
    await asyncio.sleep(2.9)
    session.put(speech(0.5))
    await asyncio.sleep(60)
    assert not talk.outcome.done()
    await talk.stop()


@virtual
async def test_an_agent_that_is_not_heard_in_time_has_failed():
    talk = Talk(Session(connect_s=2.0), first_audio_s=3.0)
    assert await talk.over() == (EndReason.AGENT_FAILED, "agent_0: no_audio not heard within 3 s")
    assert talk.now == pytest.approx(3.0, abs=0.01)
    await talk.stop()


@pytest.mark.parametrize("sign", [CallerText("hello"), CallerTurn("c1"), CallerHeard()])
@virtual
async def test_a_caller_who_gets_no_answer_is_passed_on(sign):
    """After the first audio no turn had a deadline: an agent that stopped answering was silence for good."""
    session = Session()
    talk = Talk(session, answer_s=12.0)
    session.put(speech(1), UtteranceDone("1"))
    await asyncio.sleep(5)
    session.put(sign)
    assert await talk.over() == (EndReason.AGENT_FAILED, "agent_0: no_answer the caller got no answer within 12 s")
    assert talk.now == pytest.approx(17.0, abs=0.01)
    await talk.stop()


ANSWERS = {
    "sound": [speech(0.5)],
    "a turn without sound": [TurnDone()],
    "the caller speaks again": [Interruption()],
    "a tool of the vendor's that goes on": [Working("search")],
}


@pytest.mark.parametrize("answer", ANSWERS)
@virtual
async def test_what_counts_as_an_answer(answer):
    session = Session()
    talk = Talk(session, answer_s=12.0)
    session.put(CallerText("hello"))
    await asyncio.sleep(11.9)
    session.put(*ANSWERS[answer])
    await asyncio.sleep(60)
    assert not talk.outcome.done()
    await talk.stop()


@virtual
async def test_no_limit_is_no_limit():
    session = Session()
    talk = Talk(session, answer_s=0.0)
    session.put(CallerText("hello"))
    await asyncio.sleep(300)
    assert not talk.outcome.done()
    await talk.stop()


@virtual
async def test_each_sign_of_the_caller_restarts_the_clock():
    session = Session()
    talk = Talk(session, answer_s=12.0)
    for _ in range(3):
        session.put(CallerHeard())
        await asyncio.sleep(10)
    assert not talk.outcome.done()
    await talk.over()
    assert talk.now == pytest.approx(32.0, abs=0.01)
    await talk.stop()


@virtual
async def test_the_clock_stands_while_a_tool_runs():
    """The agent can't speak before it has the result; then it has the whole time again."""
    session = Session()
    talk = Talk(session, answer_s=3.0)
    talk.destination.answer_after_s = 1.9  # less than EVENT_PATIENCE
    talk.destination.verdict = {"accepted": False, "reason": "closed"}
    session.put(CallerText("a person please"))
    await asyncio.sleep(2.5)
    session.put(transfer())
    assert (await talk.over())[1].startswith("agent_0: no_answer")
    assert talk.now == pytest.approx(2.5 + 1.9 + 3.0, abs=0.02)
    await talk.stop()


@virtual
async def test_a_tool_of_the_vendor_s_stops_the_clock_until_it_has_finished():
    session = Session()
    talk = Talk(session, answer_s=3.0)
    session.put(CallerText("hello"), Working("search"))
    await asyncio.sleep(20)
    session.put(Working("search", done=True))
    await talk.over()
    assert talk.now == pytest.approx(23.0, abs=0.02)
    await talk.stop()


@virtual
async def test_the_text_of_a_turn_that_was_answered_long_ago_starts_no_clock():
    """OpenAI transcribes beside the answer: the words may come when all has been said."""
    session = Session()
    talk = Talk(session, answer_s=3.0)
    session.put(CallerTurn("c1"), speech(0.5), UtteranceDone("1"))
    await asyncio.sleep(2)
    session.put(CallerText("hello", "c1"))
    await asyncio.sleep(30)
    assert not talk.outcome.done()
    await talk.stop()


@virtual
async def test_a_word_while_the_agent_speaks_is_no_question():
    session = Session()
    talk = Talk(session, answer_s=3.0)
    session.put(speech(10))
    await asyncio.sleep(2)
    session.put(CallerText("mm-hm"))
    await asyncio.sleep(30)
    assert not talk.outcome.done()
    await talk.stop()


# --- turns that fail ---


@virtual
async def test_a_turn_that_failed_is_asked_for_once_more(caplog):
    session = Session()
    talk = Talk(session)
    session.put(CallerText("hello"), TurnFailed("server_error", "made up"))
    await asyncio.sleep(0.1)
    assert session.asked_again == 1
    session.put(speech(0.5))
    await asyncio.sleep(20)
    session.put(TurnFailed("server_error", "made up"))
    await asyncio.sleep(0.1)
    assert session.asked_again == 2
    assert not talk.outcome.done()
    assert talk.quality.failed_turns == 2
    (line, _) = [entry for entry in caplog.records if getattr(entry, "event", "") == "agent_turn_failed"]
    assert (line.levelname, line.reason) == ("WARNING", "server_error")
    await talk.stop()


@virtual
async def test_the_second_failure_in_a_row_costs_the_agent():
    first, second = Session(), Session()
    talk = Talk(first, second)
    first.put(TurnFailed("server_error", "one"), TurnFailed("rate_limit", "two"))
    await asyncio.sleep(0.1)
    assert talk.agents == [("agent_0", "rate_limit"), ("agent_1", "")]
    assert talk.facts.agents[0].end_detail == "two"
    await talk.stop()


@virtual
async def test_an_agent_that_can_not_be_asked_again_has_failed_at_once():
    first, second = Session(asks_again=False), Session()
    talk = Talk(first, second)
    first.put(TurnFailed("server_error", "one"))
    await asyncio.sleep(0.1)
    assert talk.agents[0] == ("agent_0", "server_error")
    await talk.stop()


# --- hanging up ---


@virtual
async def test_the_goodbye_is_heard_before_the_line_is_closed():
    session = Session()
    talk = Talk(session)
    session.put(speech(4), UtteranceDone("1"), end_call(), TurnDone())
    reason, _ = await talk.over()
    assert reason is EndReason.AGENT_ENDED
    assert 4.0 <= talk.now < 4.2
    await talk.stop()
    assert session.closed


@virtual
async def test_a_caller_who_cuts_into_the_goodbye_is_not_hung_up_on():
    """`end_call` was acted on when it was announced."""
    session = Session()
    talk = Talk(session)
    session.put(speech(4), UtteranceDone("1"), end_call(), TurnDone())
    await asyncio.sleep(2)
    session.put(Interruption())
    await asyncio.sleep(20)
    assert not talk.outcome.done()
    assert ("e1", "not done: the caller spoke first. Call it again if it is still needed", True) in session.sent
    session.put(ToolCall("e2", "end_call", {}), TurnDone())
    assert (await talk.over())[0] is EndReason.AGENT_ENDED
    await talk.stop()


@virtual
async def test_a_cancelled_hang_up_is_not_carried_out():
    """FunctionCallCancelled, toolCallCancellation, a cancelled response: the vendor wants no answer."""
    session = Session()
    talk = Talk(session)
    session.put(speech(1), end_call(), ToolCancelled("e1"), TurnDone())
    await asyncio.sleep(30)
    assert not talk.outcome.done()
    assert session.sent == []
    await talk.stop()


@virtual
async def test_a_vendor_that_never_ends_its_turn_is_waited_for_until_all_was_heard():
    session = Session()
    talk = Talk(session)
    session.put(speech(3), end_call())
    await talk.over()
    assert 3.0 + HEARD_AFTER <= talk.now <= 3.0 + HEARD_AFTER + 0.3
    await talk.stop()


@virtual
async def test_words_that_follow_the_tool_belong_to_the_goodbye():
    session = Session()
    talk = Talk(session)
    session.put(speech(1), UtteranceDone("1"))
    await asyncio.sleep(3)
    session.put(end_call())
    await asyncio.sleep(SETTLED_AFTER * 0.8)
    session.put(speech(3, "2"))
    await talk.over()
    assert talk.now > 3 + SETTLED_AFTER * 0.8 + 3
    await talk.stop()


@virtual
async def test_an_agent_that_dies_while_it_hangs_up_has_hung_up():
    session, second = Session(), Session()
    talk = Talk(session, second)
    session.put(speech(4), UtteranceDone("1"), end_call(), TurnDone())
    await asyncio.sleep(1)
    session.put(DIED)
    assert (await talk.over())[0] is EndReason.AGENT_ENDED
    assert talk.now > 3.9
    assert second.call is None
    await talk.stop()


@virtual
async def test_an_agent_that_dies_before_its_goodbye_is_certain_has_failed():
    session, second = Session(), Session()
    talk = Talk(session, second)
    session.put(speech(4), end_call())
    await asyncio.sleep(0.1)
    session.put(DIED)
    await asyncio.sleep(0.1)
    assert second.call is not None
    await talk.stop()


# --- transfers ---


@virtual
async def test_a_transfer_is_stored_once_the_turn_stands():
    session = Session()
    talk = Talk(session)
    session.put(speech(1), transfer(settled=False))
    await asyncio.sleep(0.1)
    assert talk.destination.events == []
    session.put(TurnDone())
    await asyncio.sleep(0.1)
    (event,) = talk.destination.events
    assert event["transfer"] == TRANSFER
    assert session.sent == [("t1", "the transfer is arranged: say a short goodbye, then end the call", False)]
    assert (await talk.over())[0] is EndReason.TRANSFERRED
    await talk.stop()


@pytest.mark.parametrize("taken_back", [ToolCancelled("t1"), Interruption()], ids=["cancelled", "cut in"])
@virtual
async def test_a_transfer_that_is_taken_back_is_not_stored(taken_back):
    session = Session()
    talk = Talk(session)
    session.put(speech(1), transfer(settled=False), taken_back, TurnDone())
    await asyncio.sleep(30)
    assert talk.destination.events == []
    assert not talk.outcome.done()
    await talk.stop()


@pytest.mark.parametrize("too_late", [ToolCancelled("t1"), Interruption()], ids=["cancelled", "cut in"])
@virtual
async def test_a_transfer_that_is_being_stored_is_not_said_to_be_undone(too_late):
    session = Session()
    talk = Talk(session)
    talk.destination.answer_after_s = 0.5
    session.put(transfer())
    await asyncio.sleep(0.2)
    session.put(too_late)
    await asyncio.sleep(0.5)
    assert session.sent == [("t1", "the transfer is arranged: say a short goodbye, then end the call", False)]
    assert (await talk.over())[0] is EndReason.TRANSFERRED
    await talk.stop()


@virtual
async def test_a_settled_transfer_needs_no_end_of_the_turn():
    session = Session()
    talk = Talk(session)
    session.put(transfer())
    await asyncio.sleep(0.01)
    assert len(talk.destination.events) == 1
    await talk.over()
    await talk.stop()


@pytest.mark.parametrize("died_at", [0.2, 1.0], ids=["while it is stored", "after it was arranged"])
@virtual
async def test_an_arranged_transfer_survives_the_agent(died_at):
    """The caller got the second agent, or an apology, and `agent_failed`, instead of the human who was promised."""
    first, second = Session(), Session()
    talk = Talk(first, second)
    talk.destination.answer_after_s = 0.5
    first.put(transfer())
    await asyncio.sleep(died_at)
    first.put(DIED)
    assert (await talk.over())[0] is EndReason.TRANSFERRED
    assert talk.hand_over.transfer.target == "sales"
    assert second.call is None
    assert talk.agents == [("agent_0", "close_1006")]
    await talk.stop()


@virtual
async def test_a_refused_transfer_is_reported_and_the_next_agent_takes_over():
    first, second = Session(), Session()
    talk = Talk(first, second)
    talk.destination = Destination(verdict={"accepted": False, "reason": "unknown target"})
    talk.parts.hand_over._events._destination = talk.destination
    first.put(transfer())
    await asyncio.sleep(0.1)
    assert first.sent == [("t1", "transfer refused: unknown target", True)]
    first.put(DIED)
    await asyncio.sleep(0.1)
    assert second.call is not None
    assert talk.hand_over.transfer is None
    await talk.stop()


@virtual
async def test_after_a_transfer_the_line_is_closed_when_the_agent_has_been_quiet():
    session = Session()
    talk = Talk(session)
    session.put(transfer())
    await asyncio.sleep(1.5)
    session.put(speech(3))
    await talk.over()
    assert 1.5 + 3.0 + QUIET - 0.1 < talk.now < 1.5 + 3.0 + QUIET + 0.7
    await talk.stop()


@virtual
async def test_an_agent_that_goes_on_talking_does_not_hold_the_transfer_up_for_ever():
    session = Session()
    talk = Talk(session)
    session.put(transfer())
    for n in range(60):
        session.put(speech(0.9, str(n)))
        await asyncio.sleep(1)
        if talk.outcome.done():
            break
    assert LIMIT <= talk.now < LIMIT + 2.5
    await talk.stop()


# --- lookups ---


@virtual
async def test_a_tool_that_can_be_undone_runs_at_once():
    session = Session()
    talk = Talk(session)
    quieter = ToolCall("a1", "control_background_sound", {"volume": 0.1}, settled=False)
    session.put(quieter)
    await asyncio.sleep(0.01)
    assert len(talk.ambience) == 1
    assert session.sent == [("a1", "done", False)]
    await talk.stop()


@virtual
async def test_a_tool_we_do_not_have_is_answered():
    session = Session()
    talk = Talk(session)
    session.put(ToolCall("x1", "book_a_table", {}))
    await asyncio.sleep(0.01)
    ((call_id, text, is_error),) = session.sent
    assert (call_id, is_error) == ("x1", True)
    assert text.endswith("expected one of transfer_to_human, control_background_sound, end_call")
    await talk.stop()


@virtual
async def test_a_call_that_is_announced_twice_is_done_once():
    session = Session()
    talk = Talk(session)
    session.put(transfer(), transfer())
    await asyncio.sleep(0.1)
    assert len(talk.destination.events) == len(session.sent) == 1
    await talk.over()
    await talk.stop()


# --- tools of one's own ---


class LookUp:
    """A tool that takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[dict] = []
        self.running = 0

    @property
    def row(self) -> Tool:
        return Tool(name="order_status", run=self.run, works=True)

    async def run(self, parameters) -> ToolResult:
        self.asked.append(parameters)
        self.running += 1
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        return ToolResult(f"order {parameters['number']}", status="200")


def order(number: int, *, settled: bool = True) -> ToolCall:
    return ToolCall(f"o{number}", "order_status", {"number": number, "phone": "+919876500001"}, settled=settled)


@virtual
async def test_tools_run_side_by_side_and_each_is_answered():
    look_up, session = LookUp(2.0), Session()
    talk = Talk(session, own_tools=[look_up.row])
    session.put(order(1), order(2))
    await asyncio.sleep(1)
    assert look_up.running == 2
    await asyncio.sleep(1.5)
    assert sorted(session.sent) == [("o1", "order 1", False), ("o2", "order 2", False)]
    assert talk.now < 3
    await talk.stop()


@virtual
async def test_the_record_keeps_what_was_asked_and_how_long_it_took():
    look_up, session = LookUp(2.0), Session()
    talk = Talk(session, own_tools=[look_up.row])
    session.put(order(1), ToolCall("a1", "control_background_sound", {"volume": 11}))
    await asyncio.sleep(3)
    one, other = (use.as_json() for use in talk.facts.tools)
    assert (one["name"], one["ms"], one["status"]) == ("order_status", 2000, "200")
    assert one["arguments"] == '{"number":1,"phone":"***0001"}'
    assert (other["name"], other["status"]) == ("control_background_sound", "error")
    await talk.stop()


@virtual
async def test_a_lookup_that_is_taken_back_is_stopped():
    """It need not wait for the turn's end, and it need not be finished for nobody."""
    look_up, session = LookUp(5.0), Session()
    talk = Talk(session, own_tools=[look_up.row])
    session.put(order(1, settled=False))
    await asyncio.sleep(1)
    assert look_up.running == 1
    session.put(ToolCancelled("o1"))
    await asyncio.sleep(0.1)
    assert look_up.running == 0
    assert session.sent == []
    (use,) = talk.facts.tools
    assert (use.status, use.took_ms) == ("taken back", 1000)
    await talk.stop()


@virtual
async def test_a_lookup_goes_on_when_the_caller_says_something():
    look_up, session = LookUp(2.0), Session()
    talk = Talk(session, own_tools=[look_up.row])
    session.put(order(1), Interruption())
    await asyncio.sleep(3)
    assert session.sent == [("o1", "order 1", False)]
    await talk.stop()


@virtual
async def test_a_lookup_ends_with_its_call():
    look_up, session = LookUp(60.0), Session()
    talk = Talk(session, own_tools=[look_up.row])
    session.put(order(1))
    await talk.stop_after(1)
    assert look_up.running == 0


@virtual
async def test_a_tool_answer_for_the_previous_agent_does_not_reach_the_next():
    look_up, first, second = LookUp(3.0), Session(), Session()
    talk = Talk(first, second, own_tools=[look_up.row])
    first.put(order(1))
    await asyncio.sleep(1)
    first.put(DIED)
    await asyncio.sleep(5)
    assert (look_up.running, second.sent) == (0, [])
    await talk.stop()


# --- when nobody can be had ---


@virtual
async def test_an_agent_that_refused_at_once_is_tried_once_more():
    session = Session(refuses=BUSY)
    talk = Talk(session)
    await asyncio.sleep(0.5)
    session.refuses = None
    await asyncio.sleep(2)
    assert talk.agents == [("agent_0", "http_503"), ("agent_0", "")]
    await talk.stop()


@pytest.mark.parametrize(
    ("session", "tries"),
    [
        (Session, 2),
        (lambda: Session(refuses=BUSY), 2),
        (lambda: Session(refuses=BUSY, connect_s=2.5), 1),
        (lambda: Session(refuses=AgentError("http_401", "wrong key")), 1),
    ],
    ids=["dies", "busy", "slow to refuse", "wrong key"],
)
@virtual
async def test_which_agents_are_retried(session, tries):
    """Only a refusal that came at once and may be over a second later; an agent that had the call and died is not."""
    one = session() if session is not Session else Session(refuses=BUSY)
    talk = Talk(one)
    assert (await talk.over())[0] is EndReason.AGENT_FAILED
    assert len(talk.agents) == tries
    await talk.stop()


@virtual
async def test_the_apology_is_heard_and_stands_in_the_record():
    apology = Apology("We are sorry.", noise(16_000, seed=4).tobytes())
    talk = Talk(Session(refuses=AgentError("http_401", "wrong key")), apology=apology)
    await talk.over()
    assert apology.pcm in b"".join(frame.pcm for frame in talk.line.frames)
    (turn,) = talk.transcript.as_json()
    assert (turn["speaker"], turn["text"], turn["heard_ms"]) == ("agent", "We are sorry.", 2000)
    await talk.stop()


# --- the rest ---


@virtual
async def test_an_agent_that_takes_over_leaves_a_breath_behind_a_torn_word():
    """The dead agent's half word was followed by the next one's first without a pause."""
    first, second = Session(), Session(connect_s=0.0)
    talk = Talk(first, second)
    torn, answer = noise(4000, seed=2).tobytes(), noise(8000, seed=3).tobytes()
    first.put(Audio(torn, "1"), Ended(by_agent=False, reason="died"))
    second.put(Audio(answer, "1"), UtteranceDone("1"))
    await asyncio.sleep(4)
    heard = b"".join(frame.pcm for frame in talk.line.frames)
    began = heard.find(torn[:7840])  # but for its last 10 ms, which fade out
    begins_again = heard.find(answer)
    assert began >= 0
    assert 0.25 <= (begins_again - began - len(torn)) / 16_000 <= 0.3
    await talk.stop()


@virtual
async def test_sound_that_its_owner_changes_afterwards_is_played_as_it_came():
    session = Session()
    talk = Talk(session)
    sound = bytearray(noise(8_000, seed=4).tobytes())
    expected = bytes(sound)
    session.put(Audio(sound, "1"), UtteranceDone("1"))
    await asyncio.sleep(0.1)
    sound[:] = bytes(len(sound))
    await asyncio.sleep(2)
    assert expected in b"".join(frame.pcm for frame in talk.line.frames)
    await talk.stop()


@virtual
async def test_nothing_of_what_was_cut_off_rings_into_what_comes_next():
    """Between two rates the filter holds a few milliseconds; half a sample would turn all that follows into noise."""
    spoken = AudioFormat(Encoding.PCM, 16_000)
    session = Session(spoken=spoken)
    talk = Talk(session)
    cut_off, answer = noise(32_001, seed=2).tobytes()[:-1], noise(16_000, seed=3).tobytes()
    session.put(Audio(cut_off, "1"))
    await asyncio.sleep(0.45)  # in the middle of a frame
    session.put(Interruption(), Audio(answer, "2"), UtteranceDone("2"))
    cut_at = talk.loop.time()
    await asyncio.sleep(3)
    alone = Converter(spoken, LINE).convert(answer, last=True)
    after = b"".join(frame.pcm for frame in talk.line.frames if frame.sent_at >= cut_at)
    edge, _, rest = after.partition(alone.strip(b"\0"))
    assert len(edge.rstrip(b"\0")) <= 80, "more of what was cut off than the 5 ms in which it fades out"
    assert rest.strip(b"\0") == b""
    await talk.stop()


@virtual
async def test_an_interruption_tells_the_agent_how_far_it_was_heard():
    session = Session()
    talk = Talk(session)
    session.put(AgentText("a long story", "1"), speech(10))
    await asyncio.sleep(2.05)
    session.put(Interruption())
    await asyncio.sleep(0.2)
    assert session.sent == [("interrupted", "1", 2000)]
    assert talk.quality.interruptions == 1
    (turn,) = talk.transcript.as_json()
    assert (turn["interrupted"], turn["heard_ms"]) == (True, 2000)
    await talk.stop()


@virtual
async def test_an_utterance_of_the_agent_before_is_not_reported_to_the_one_that_took_over():
    """The caller cuts into what is left of the first agent's words; the second knows nothing of them."""
    first, second = Session(), Session()
    talk = Talk(first, second)
    first.put(speech(10), DIED)
    await asyncio.sleep(2)
    second.put(Interruption())
    await asyncio.sleep(0.1)
    assert second.sent == []
    assert talk.quality.interruptions == 1
    await talk.stop()


@virtual
async def test_remarks_are_logged_and_change_nothing(caplog):
    caplog.set_level("INFO", logger="relay")
    session = Session()
    talk = Talk(session)
    session.put(Notice("queue", "waiting"), Notice("unknown", "message 'response.new'"), Notice("k" * 50, "t" * 400))
    await asyncio.sleep(0.1)
    notices = [(one.levelname, one.kind, one.getMessage()) for one in caplog.records if one.event == "agent_notice"]
    assert notices == [
        ("INFO", "queue", "queue: waiting"),
        ("WARNING", "unknown", "unknown: message 'response.new'"),
        ("INFO", "k" * 40, f"{'k' * 40}: {'t' * 300}"),
    ]
    assert not talk.outcome.done()
    session.put(Ended(by_agent=True, reason="ended", detail="1000"))
    assert await talk.over() == (EndReason.AGENT_ENDED, "1000")
    await talk.stop()


@virtual
async def test_the_next_agent_does_not_get_words_the_caller_never_heard():
    first, second = Session(), Session()
    talk = Talk(first, second)
    first.put(AgentText("Good morning.", "1"), speech(1), UtteranceDone("1"), AgentText("Your code is 4711.", "2"))
    await asyncio.sleep(3)
    first.put(DIED)
    await asyncio.sleep(0.1)
    assert second.call.recap == "agent: Good morning."
    assert [turn["heard_ms"] for turn in talk.transcript.as_json()] == [1000, 0]
    await talk.stop()


@virtual
async def test_the_next_agent_gets_what_was_cut_off():
    """The rest of what has come is still played, the words behind it are lost."""
    first, second = Session(), Session()
    talk = Talk(first, second)
    first.put(AgentText("A long story.", "1"), speech(2), DIED)
    await asyncio.sleep(0.5)
    assert second.call.recap == "agent: A long story. [cut off]"
    await asyncio.sleep(5)
    await talk.stop()
    talk.pacer.settle()
    (turn,) = talk.transcript.as_json()
    assert (turn["interrupted"], turn["heard_ms"]) == (True, 2000)


@virtual
async def test_each_sentence_of_an_utterance_is_heard_as_far_as_its_own_sound():
    session = Session()
    talk = Talk(session)
    session.put(AgentText("One.", "1"), speech(1), AgentText("Two.", "1"), speech(2), UtteranceDone("1"))
    await asyncio.sleep(1.45)
    session.put(Interruption())
    await asyncio.sleep(0.1)
    assert [(turn["heard_ms"], turn["interrupted"]) for turn in talk.transcript.as_json()] == [
        (1000, False),
        (400, True),
    ]
    await talk.stop()


# --- what the relay told as the caller ---


@virtual
async def test_a_note_that_a_vendor_returns_is_not_a_turn_of_the_caller():
    """Vendors write such messages into the transcript as the caller's; a caller who is gone would seem to be there."""
    session = Session()
    talk = Talk(session, idle_s=8.0, idle_attempts=1)
    await asyncio.sleep(1)
    for _ in range(30):  # as a call does every second
        await asyncio.sleep(1)
        talk.conversation.check(talk.loop.time())
        for message in session.sent[:]:
            session.put(CallerText(aside(message[1])))
            session.sent.remove(message)
        if talk.outcome.done():
            break
    assert await talk.over() == (EndReason.CALLER_SILENT, "nothing for 8 s, asked 1 times")
    assert talk.transcript.turns == []
    await talk.stop()
