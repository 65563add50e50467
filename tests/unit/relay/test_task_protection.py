"""Task protection against a small ECS agent, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.aws.task_protection import CLEAR_AFTER_S, EXPIRES_MINUTES, RENEW_S, TaskProtection
from sim import virtual_time

ON = {"ProtectionEnabled": True, "ExpiresInMinutes": EXPIRES_MINUTES}
OFF = {"ProtectionEnabled": False}


class EcsAgent:
    """Answers as ECS does; remembers when it was asked for what."""

    def __init__(self) -> None:
        self.requests: list[tuple[float, dict[str, object]]] = []
        self.refusals: list[Callable[[], Awaitable[web.StreamResponse]]] = []

    @property
    def asked(self) -> list[dict[str, object]]:
        return [body for _, body in self.requests]

    async def put_state(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append((asyncio.get_running_loop().time(), body))
        if self.refusals:
            return await self.refusals.pop(0)()
        return web.json_response({"protection": {"ProtectionEnabled": body["ProtectionEnabled"]}})


@asynccontextmanager
async def protecting() -> AsyncIterator[tuple[TaskProtection, EcsAgent]]:
    agent = EcsAgent()
    app = web.Application()
    app.router.add_put("/api/task-1/task-protection/v1/state", agent.put_state)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        protection = TaskProtection(http, str(server.make_url("/api/task-1")))
        yield protection, agent
        await protection.close()


def test_protects_from_the_first_call_to_the_last() -> None:
    async def scenario() -> None:
        async with protecting() as (protection, agent):
            for calls in (1, 2, 1):
                protection.count_changed(calls)
                await asyncio.sleep(5)
            assert agent.asked == [ON]

            protection.count_changed(0)
            await asyncio.sleep(CLEAR_AFTER_S + 1)
            assert agent.asked == [ON, OFF]

            await asyncio.sleep(3 * RENEW_S)
            assert agent.asked == [ON, OFF], "nothing is asked while there are no calls"

    virtual_time.run(scenario())


def test_nothing_is_released_that_was_never_requested() -> None:
    """A relay that starts, or retires, without a call asks ECS for nothing."""

    async def scenario() -> None:
        async with protecting() as (protection, agent):
            protection.count_changed(0)
            await asyncio.sleep(CLEAR_AFTER_S + 1)
            protection.retire(True)
            await asyncio.sleep(CLEAR_AFTER_S + 1)
            assert agent.asked == []

    virtual_time.run(scenario())


def test_a_call_right_after_the_last_costs_no_request() -> None:
    async def scenario() -> None:
        async with protecting() as (protection, agent):
            for _ in range(20):
                protection.count_changed(1)
                await asyncio.sleep(30)
                protection.count_changed(0)
                await asyncio.sleep(CLEAR_AFTER_S / 2)
            assert agent.asked == [ON]

    virtual_time.run(scenario())


def test_renews_before_protection_expires() -> None:
    async def scenario() -> None:
        async with protecting() as (protection, agent):
            protection.count_changed(1)
            await asyncio.sleep(4 * 3600)
            times = [at for at, _ in agent.requests]
            assert len(times) >= 8
            assert set(map(str, agent.asked)) == {str(ON)}
            assert max(later - earlier for earlier, later in zip(times, times[1:], strict=False)) < EXPIRES_MINUTES * 60

    virtual_time.run(scenario())


async def _broken() -> web.StreamResponse:
    return web.Response(status=500, text="<html>not JSON")


async def _blocked() -> web.StreamResponse:
    return web.json_response({"failure": {"Reason": "DEPLOYMENT_BLOCKED"}})


async def _silent() -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


@pytest.mark.parametrize("refusal", [_broken, _blocked, _silent])
def test_tries_again_until_ecs_agrees(
    refusal: Callable[[], Awaitable[web.StreamResponse]], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with protecting() as (protection, agent):
            agent.refusals = [refusal] * 5
            protection.count_changed(1)
            await asyncio.sleep(600)
            assert agent.asked == [ON] * 6, "five refusals, one success, no more"
            gaps = [
                later - earlier for (earlier, _), (later, _) in zip(agent.requests, agent.requests[1:], strict=False)
            ]
            assert gaps == sorted(gaps), "each wait is as long as the one before, or longer"

    virtual_time.run(scenario())
    assert [record.event for record in caplog.records] == ["task_protection_failed"] * 5  # type: ignore[attr-defined]


def test_asks_for_what_is_wanted_now_when_it_tries_again() -> None:
    """A refused ON must not be repeated after the calls have ended: the idle task would stay protected for an hour.

    It is taken back, though: the refusal may have been an answer that got lost after ECS had agreed.
    """

    async def scenario() -> None:
        async with protecting() as (protection, agent):
            agent.refusals = [_silent, _broken, _broken]
            protection.count_changed(1)
            await asyncio.sleep(1.5)
            protection.count_changed(0)
            await asyncio.sleep(600)
            assert agent.asked == [ON, OFF, OFF, OFF]

    virtual_time.run(scenario())


def test_an_agent_that_is_gone_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as http:
            protection = TaskProtection(http, "http://127.0.0.1:9/api/task-1")
            protection.count_changed(1)
            await asyncio.sleep(60)
            await protection.close()

    virtual_time.run(scenario())
    assert caplog.records


def test_does_nothing_outside_ecs() -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as http:
            protection = TaskProtection(http, "")
            protection.count_changed(1)
            assert len(asyncio.all_tasks()) == 1
            await protection.close()

    virtual_time.run(scenario())
