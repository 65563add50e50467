"""What a call's events and its agents are told of Exotel's `start`."""

import pytest

from common.proof import prove
from common.trace import trace_id, traceparent
from relay.audio.convert import AudioFormat, Encoding
from relay.call.start import facts_of, info_of, log_of, rate_of
from relay.line.exotel import Start
from sim import virtual_time
from tests.unit.relay.call_services import call_services

START = Start("call1", "stream1", "acc", "09876543210", "08040000000", custom_parameters={"plan": "gold"})
LINE = AudioFormat(Encoding.PCM, 8000)


def in_a_loop(of):
    async def story():
        return of()

    return virtual_time.run(story())


@pytest.mark.parametrize(
    ("said", "used"), [(8000, 8000), (16_000, 16_000), (24_000, 24_000), (44_100, 8000), (0, 8000)]
)
def test_a_rate_that_no_line_has_is_taken_for_the_usual_one(said, used):
    """The call is refused, but the caller hears the apology of a hand-over, not a crash."""
    assert rate_of(Start("c", "s", rate_hz=said)) == used


def test_the_facts_name_the_call_and_its_agents_file_and_count_from_now():
    facts = in_a_loop(lambda: facts_of(START, call_services(), lambda: 100.0))
    assert (facts.call_sid, facts.stream_sid) == ("call1", "stream1")
    assert (facts.from_number, facts.to_number) == ("09876543210", "08040000000")
    assert (facts.agents_version, facts.traceparent) == ("7-abc", "")
    assert (facts.began_at, facts.elapsed_s) == (100.0, 0.0)


def test_only_a_relay_that_traces_names_a_trace():
    traced = in_a_loop(lambda: call_services(tracing=object()))
    assert facts_of(START, traced, lambda: 0.0).traceparent == traceparent("call1")
    assert log_of(START, traced).extra == {"call_sid": "call1", "stream_sid": "stream1", "trace_id": trace_id("call1")}
    assert "trace_id" not in log_of(START, in_a_loop(call_services)).extra


def test_an_agent_learns_the_numbers_and_the_custom_parameters_with_a_proof_for_the_functions():
    info = info_of(START, LINE, "secret")
    assert (info.call_sid, info.stream_sid, info.line) == ("call1", "stream1", LINE)
    assert (info.from_number, info.to_number) == ("09876543210", "08040000000")
    assert info.custom_parameters == {"plan": "gold"}
    assert info.proof == prove("call1", "stream1", "secret")


def test_without_a_secret_there_is_no_proof():
    """A proof that anybody could compute would prove nothing."""
    assert info_of(START, LINE, "").proof == ""
