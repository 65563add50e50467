"""Every fault of faults.py over two calls, one of which it does not concern; `make chaos` plays them over 100."""

import asyncio

import pytest

from sim import virtual_time
from tests.chaos.faults import FAULTS
from tests.chaos.run import calm_calls, play
from tests.chaos.world import asks, chaos_world
from tests.support.virtual import virtual


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The call beside, when nothing happens."""
    return virtual_time.run(calm_calls(tmp_path_factory.mktemp("calm"), 2))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@virtual
async def test_a_fault_harms_nobody_else_and_loses_nothing(tmp_path, calm, fault):
    """The shaken call ends as it should, with the agents it should have had; the call beside it is the same to the
    sample as on a calm day; every event is stored and every record complete."""
    report = await play(fault, tmp_path, 2, calm)
    assert set(report.ends) == {fault.ends}
    assert set(report.agents) == {fault.agents}
    assert report.normal_after_s <= fault.normal_s
    assert report.steady_same
    assert not report.lost_events
    assert not report.lost_records
    assert not report.false_alarms


@virtual
async def test_a_line_that_comes_back_is_the_same_call(tmp_path):
    """The line breaks without `stop` and comes again with its CallSid: one record, two streams, the later one counts,
    and the agent that takes it up is a new conversation."""
    async with chaos_world(tmp_path) as world:
        first = asyncio.create_task(world.call("again", shaken=True, script=asks(30)))
        await asyncio.sleep(3)
        world.line.cut(fin=False)
        await first
        await world.call("again", shaken=True, script=asks(6))
        await world.settled()
        assert world.events("again") == ["call.ended", "call.ended", "call.started", "call.started"]
        record = world.record("again")
        assert record["end_reason"] == "caller_hung_up"
        assert record["stream_sid"] == world.results["again"].stream_sid
        assert len(record["agents"]) == 2
