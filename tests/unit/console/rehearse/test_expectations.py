"""Each expectation is met or is one finding of its own."""

import pytest

from console.rehearse.expectations import Observed, judge
from console.rehearse.person import Spoken
from console.rehearse.suite import Expect, ToolUsed
from console.rehearse.timing import Span, Timing

TIMING = Timing(
    (Span(0.5, 2), Span(4, 6)), answers=(700, 900), stopped=(400,), first=500, longest_silence=2000, talk_over=300
)
RECORD = {
    "ended_by": "agent",
    "end_reason": "transferred",
    "transfer": {"target": "sales"},
    "tools": [{"name": "order_status", "arguments": '{"id": "A1", "verbose": true}'}],
    "quality": {"interruptions": 1},
}
STATUS_OF_A1 = ToolUsed(name="order_status", parameters={"id": "A1"})
SAID = [Spoken("hello", 3, 4, cut_in=True), Spoken("yes", 5, 5.2, cut_in=True, back_channel=True)]
CALL = Observed(10.0, RECORD, ("We open at nine.", "It costs fifteen hundred rupees."), SAID, TIMING, cost=0.2)


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        ({"said": ("open.*nine",)}, {"said": ("closed",)}, "The agent never said /closed/."),
        ({"never_said": ("closed",)}, {"never_said": ("NINE",)}, "The agent said 'nine', which /NINE/ forbids."),
        ({"figures": ("1,500",)}, {"figures": ("1,600",)}, "The agent did not read out 1,600."),
        ({"language": "en"}, {"language": "ta"}, "which is not 'ta'."),
        ({"transfer": "sales"}, {"transfer": ""}, "Transferred to sales, not to nobody."),
        ({"ended_by": "agent"}, {"ended_by": "caller"}, "The call's ended_by is agent, not caller."),
        ({"end_reason": "transferred"}, {"end_reason": "time_limit"}, "is transferred, not time_limit."),
        ({"answer_p95": 900}, {"answer_p95": 899}, "Answers took up to 900 ms (p95), more than 899 ms."),
        ({"longest_silence": 2000}, {"longest_silence": 1999}, "Nobody spoke for 2000 ms, longer than 1999 ms."),
        ({"talk_over": 300}, {"talk_over": 299}, "Both spoke at once for 300 ms, more than 299 ms."),
        ({"stopped_within": 400}, {"stopped_within": 399}, "spoke on for 400 ms after the caller cut in"),
        ({"interruptions": 1}, {"interruptions": 0}, "The agent was stopped once; the caller cut in not at all."),
        ({"cost": 0.2}, {"cost": 0.1}, "The call cost 0.200, more than 0.100."),
        ({"tools": (STATUS_OF_A1,)}, {"tools": (ToolUsed(name="refund"),)}, "The tool refund was not called."),
        ({}, {"tools": (ToolUsed(name="order_status", parameters={"id": "B2"}),)}, "but not with {'id': 'B2'}"),
    ],
)  # fmt: skip
def test_one_expectation_one_finding(good, bad, sentence):
    assert judge(Expect(**good), CALL) == []
    [finding] = judge(Expect(**bad), CALL)
    assert finding.expectation == next(iter(bad))
    assert sentence in finding.sentence


def test_an_agent_that_is_stopped_by_a_back_channel_fails_without_being_told_a_number():
    """One of two lines was meant to stop it: a second interruption was the "yes"."""
    twice = Observed(10.0, RECORD | {"quality": {"interruptions": 2}}, CALL.turns, SAID, TIMING)
    [finding] = judge(Expect(), twice)
    assert finding.sentence == "The agent was stopped 2 times; the caller cut in 1 time."


def test_an_agent_that_is_never_heard_fails_whatever_is_expected():
    silent = Observed(10.0, RECORD, (), [], Timing((), (), (), None, 10_000, 0))
    assert [one.expectation for one in judge(Expect(), silent)] == ["heard"]


def test_a_call_that_could_not_be_placed_is_one_finding():
    broken = Observed(0.0, {}, (), [], TIMING, problem="The call could not be placed: 401.")
    [finding] = judge(Expect(said=("x",), transfer="y"), broken)
    assert (finding.expectation, finding.sentence) == ("played", "The call could not be placed: 401.")
