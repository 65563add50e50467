"""A silent caller and an agent's time, by the clock alone."""

import pytest

from relay.call.idle import Due, IdleClock, TimeLeft


def watched(clock, until_s, *, caller=(), agent=(), busy=(), from_s=0):
    """What was due, with its second. `caller`: seconds at which they speak; `agent`, `busy`: stretches."""
    found = []
    for now in range(from_s, until_s + 1):
        due = clock.look(
            float(now),
            caller_at=max((at for at in caller if at <= now), default=0.0),
            speaking=any(first <= now < last for first, last in agent),
            busy=any(first <= now < last for first, last in busy),
        )
        if due is not Due.NOTHING:
            found.append((now, due))
        if due is Due.END:
            break
    return found


def test_a_silent_caller_is_asked_as_often_as_was_said_and_then_given_up():
    found = watched(IdleClock(20, 2, 0.0), 90, agent=[(0, 5), (25, 27), (47, 49), (69, 71)])
    assert found == [(24, Due.ASK), (46, Due.ASK), (68, Due.GOODBYE), (72, Due.END)]


def test_a_goodbye_that_nobody_says_is_not_waited_for():
    assert watched(IdleClock(20, 0, 0.0), 40) == [(20, Due.GOODBYE), (30, Due.END)]


def test_a_caller_who_answers_is_asked_again_the_next_time():
    found = watched(IdleClock(10, 1, 0.0), 44, agent=[(11, 13)], caller=[16, 17])
    assert found == [(10, Due.ASK), (27, Due.ASK), (37, Due.GOODBYE)]


def test_a_caller_who_speaks_into_the_goodbye_keeps_the_agent():
    found = watched(IdleClock(10, 0, 0.0), 29, agent=[(11, 14)], caller=[14])
    assert found == [(10, Due.GOODBYE), (24, Due.GOODBYE)]


def test_a_silence_with_a_reason_is_none():
    found = watched(IdleClock(10, 1, 0.0), 45, busy=[(5, 35)])
    assert found == [(44, Due.ASK)]


def test_an_agent_that_asks_by_itself_has_asked():
    """ElevenLabs' agents speak again after a silence of their own: it would have gone on for ever."""
    found = watched(IdleClock(20, 2, 0.0), 80, agent=[(7, 9), (16, 18), (25, 26)])
    assert found[0] == (45, Due.GOODBYE)


def test_sentences_with_pauses_between_them_are_no_questions():
    clock = IdleClock(20, 1, 0.0)
    assert watched(clock, 30, agent=[(0, 4), (6, 10), (12, 15)]) == []
    assert clock.asked == 0


def test_the_answer_to_our_question_is_not_counted_twice():
    clock = IdleClock(10, 3, 0.0)
    watched(clock, 20, agent=[(14, 16)])
    assert clock.asked == 1


@pytest.mark.parametrize(("max_s", "warned_at", "left"), [(300.0, 240, 60), (60.0, 30, 30), (10.0, 5, 5)])
def test_the_agent_is_told_once_before_its_time_is_over(max_s, warned_at, left):
    clock = TimeLeft(max_s, 100.0)
    told = [(second, found) for second in range(400) if (found := clock.warning(100.0 + second)) is not None]
    assert told == [(warned_at, left)]
    assert not clock.is_over(100.0 + max_s - 1)
    assert clock.is_over(100.0 + max_s)
