"""A relay of an older release: its calls go on, the balancer is told no, and it leaves by itself."""

import asyncio

from aiohttp.test_utils import TestServer

from relay.aws.retirement import ASK_EVERY_S, LAST_CALLS_S, SETTLED_S
from sim.caller import Step, When
from tests.support.fake_ecs import DEFINITION, FakeEcs, environment
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

SOON_S = SETTLED_S + 2 * ASK_EVERY_S
CALL = (Step(when=When.AT, ms=180_000, hang_up=True),)


@virtual
async def test_a_relay_of_an_older_release_retires_and_leaves_after_its_last_call(tmp_path, caplog):
    ecs = FakeEcs()
    async with TestServer(ecs.app()) as server:
        url = str(server.make_url("/")).rstrip("/")
        settings = {"environ": environment(url), "ecs_agent_uri": f"{url}/agent"}
        async with relay_world(tmp_path, settings=settings) as world:
            first = asyncio.create_task(world.call(script=CALL))
            await world.until(lambda: world.relay.streams == 1)
            await asyncio.sleep(SOON_S)
            assert [(await world.get(path))[0] for path in ("/balance", "/ready", "/health")] == [200, 200, 200]
            assert ecs.protected == [True]

            ecs.newest = f"{DEFINITION}:8"
            await asyncio.sleep(SOON_S)
            assert [(await world.get(path))[0] for path in ("/balance", "/ready", "/health")] == [503, 503, 200]
            assert ecs.protected == [True, False], "given up with a call, so that ECS deregisters the task"
            # the balancer may still send one: it is better answered than refused
            second = asyncio.create_task(world.call(script=CALL))
            await world.until(lambda: world.relay.streams == 2)
            assert ecs.protected == [True, False]

            ecs.desired_status = "STOPPED"
            await asyncio.sleep(ASK_EVERY_S + LAST_CALLS_S + 1)
            assert not world.relay.leave.is_set(), "there are calls"
            for call in (first, second):
                result = await call
                assert (result.error, result.ended_by) == ("", "caller")
            await asyncio.wait_for(world.relay.leave.wait(), 5)
    stats = [record for record in caplog.records if getattr(record, "event", "") == "relay_stats"]
    assert [record.taking_calls for record in stats][:1] + [stats[-1].taking_calls] == [True, False]


@virtual
async def test_only_a_relay_that_takes_calls_says_how_full_it_is(tmp_path, caplog):
    """Or the average over all relays would be that of relays that nobody calls any more."""
    ecs = FakeEcs()
    async with TestServer(ecs.app()) as server:
        url = str(server.make_url("/")).rstrip("/")
        settings = {"environ": environment(url), "metrics_namespace": "voice-bridge", "max_calls": 4, "stats_s": 15}
        async with relay_world(tmp_path, settings=settings) as world:
            call = asyncio.create_task(world.call(script=CALL))
            await asyncio.sleep(40)
            ecs.newest = f"{DEFINITION}:8"
            await asyncio.sleep(SOON_S)
            caplog_at = len(caplog.records)
            await asyncio.sleep(40)
            await call
    stats = [record for record in caplog.records if getattr(record, "event", "") == "relay_stats"]
    said = [record for record in stats if hasattr(record, "Utilisation")]
    assert {record.Utilisation for record in said} == {25.0}
    assert said[0]._aws["CloudWatchMetrics"][0]["Namespace"] == "voice-bridge"
    later = [record for record in caplog.records[caplog_at:] if getattr(record, "event", "") == "relay_stats"]
    assert later
    assert not any(hasattr(record, "Utilisation") for record in later)
