"""A deploy, simulated by the balancer's and ECS's rules: who gets which call, and when the last old task is gone.

The rules: ECS takes an old task away only when all new ones are healthy and it is not protected. It deregisters the
task, keeps its connections for an hour, whether it has calls or not, and then stops it, unless it stops by itself. The
balancer gives a new call to the healthy registered task with the fewest. Protection and retirement are the relay's own
code.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.aws.ecs import EcsError, Standing
from relay.aws.retirement import ASK_EVERY_S, LAST_CALLS_S, SETTLED_S, Retirement
from relay.aws.task_protection import TaskProtection
from sim import virtual_time

CALLS, CALL_S = 100, 180.0
START_S, CHECK_S, HEALTHY_AFTER, UNHEALTHY_AFTER = 45.0, 10.0, 2, 5
DEREGISTRATION_S = 3600.0


class Task:
    """One relay task: release, calls, and what ECS and the balancer think of it."""

    def __init__(self, cloud: "Cloud", release: int, http: aiohttp.ClientSession, agent: str, retires: bool) -> None:
        self.cloud, self.release = cloud, release
        self.calls, self.taken = 0, 0
        self.protected = self.registered = self.healthy = self.leaving = self.gone = False
        self.last_call_at = 0.0
        self.idle = asyncio.Event()
        self.idle.set()
        self.protection = TaskProtection(http, agent)
        self.retirement = Retirement(self, changed=self.protection.retire, leave=self.leave, idle=self.idle.wait)
        following = [self.balancer_checks(), *([self.retirement.follow()] if retires else [])]
        self.following = [asyncio.create_task(one) for one in following]

    async def standing(self) -> Standing:
        newest = [task for task in self.cloud.tasks if task.release == self.cloud.release and not task.gone]
        runs = sum(task.registered for task in newest) >= self.cloud.desired
        return Standing(superseded=runs and self.release != self.cloud.release, leaving=self.leaving)

    async def balancer_checks(self) -> None:
        good = bad = 0
        while True:
            await asyncio.sleep(CHECK_S)
            if not self.registered:
                continue
            good, bad = (0, bad + 1) if self.retirement.retired else (good + 1, 0)
            self.healthy = (self.healthy or good >= HEALTHY_AFTER) and bad < UNHEALTHY_AFTER

    def leave(self) -> None:
        assert self.calls == 0, "a call is cut"
        self.gone, self.registered = True, False

    async def call(self) -> None:
        self.calls, self.taken, self.last_call_at = self.calls + 1, self.taken + 1, asyncio.get_running_loop().time()
        self.idle.clear()
        self.protection.count_changed(self.calls)
        await asyncio.sleep(CALL_S)
        assert not self.gone, "a call is cut"
        self.calls -= 1
        if not self.calls:
            self.idle.set()
        self.protection.count_changed(self.calls)


class Cloud:
    """The service, its tasks, and the balancer in front."""

    def __init__(self, http: aiohttp.ClientSession, agent: str, retires: bool) -> None:
        self.tasks: list[Task] = []
        self.release, self.desired = 1, 2
        self.retires, self.http, self.agent = retires, http, agent
        self.refused = 0

    async def deploy(self, release: int) -> None:
        """Returns when the new tasks are healthy."""
        self.release = release
        new = []
        for _ in range(self.desired):
            task = Task(self, release, self.http, f"{self.agent}/{len(self.tasks)}", self.retires)
            self.tasks.append(task)
            new.append(task)
        await asyncio.sleep(START_S if len(self.tasks) > self.desired else 0)
        for task in new:
            task.registered = True
        while not all(task.healthy for task in new):  # noqa: ASYNC110  # the model has no events
            await asyncio.sleep(1)

    async def take_away(self) -> None:
        """ECS's part of a deploy, over and over."""
        while True:
            await asyncio.sleep(5)
            newest = [task for task in self.tasks if task.release == self.release]
            if sum(task.healthy for task in newest) < self.desired:
                continue
            for task in self.tasks:
                if task.release != self.release and not task.leaving and not task.protected and not task.gone:
                    task.leaving, task.registered = True, False
                    asyncio.get_running_loop().call_later(DEREGISTRATION_S, task.leave if not task.gone else int)

    async def callers(self) -> None:
        """A hundred calls at once, all the time."""
        running = set()
        for _ in itertools.count():
            able = [task for task in self.tasks if task.registered and task.healthy]
            if able:
                call = asyncio.create_task(min(able, key=lambda task: task.calls).call())
                running.add(call)
                call.add_done_callback(running.discard)
            else:
                self.refused += 1
            await asyncio.sleep(CALL_S / CALLS)

    def of(self, release: int) -> list[Task]:
        return [task for task in self.tasks if task.release == release]


@asynccontextmanager
async def service(*, retires: bool = True) -> AsyncIterator[Cloud]:
    cloud: Cloud

    async def put_state(request: web.Request) -> web.Response:
        enabled = (await request.json())["ProtectionEnabled"]
        cloud.tasks[int(request.match_info["task"])].protected = enabled
        return web.json_response({"protection": {"ProtectionEnabled": enabled}})

    app = web.Application()
    app.router.add_put("/{task}/task-protection/v1/state", put_state)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        cloud = Cloud(http, str(server.make_url("/")).rstrip("/"), retires)
        await cloud.deploy(1)
        following = [asyncio.create_task(cloud.take_away()), asyncio.create_task(cloud.callers())]
        await asyncio.sleep(2 * CALL_S)
        yield cloud
        for one in cloud.tasks:
            following += one.following
        for task in following:
            task.cancel()
        for one in cloud.tasks:
            await one.protection.close()


def test_without_retirement_a_busy_deploy_never_ends():
    """The fault: a protected task is not deregistered, gets half of the new calls, and is never without one."""

    async def scenario() -> None:
        async with service(retires=False) as cloud:
            await cloud.deploy(2)
            healthy_at = asyncio.get_running_loop().time()
            await asyncio.sleep(15 * CALL_S)
            old = cloud.of(1)
            assert not any(task.leaving or task.gone for task in old)
            assert min(task.last_call_at for task in old) > healthy_at + 14 * CALL_S

    virtual_time.run(scenario())


def test_a_busy_deploy_ends_a_call_length_after_the_new_tasks_are_healthy():
    """At 100 calls of three minutes: no call begins on old code after 60 s, none is cut, none is refused."""

    async def scenario() -> None:
        async with service() as cloud:
            assert min(task.calls for task in cloud.of(1)) > CALLS / 3
            await cloud.deploy(2)
            loop = asyncio.get_running_loop()
            healthy_at = loop.time()
            while not all(task.gone for task in cloud.of(1)):
                await asyncio.sleep(1)
                assert loop.time() < healthy_at + 60 + CALL_S + ASK_EVERY_S + LAST_CALLS_S
            assert max(task.last_call_at for task in cloud.of(1)) <= healthy_at + 60
            assert cloud.refused == 0
            assert sum(task.calls for task in cloud.of(2)) == CALLS

    virtual_time.run(scenario())


def test_going_back_takes_effect_at_once():
    """A second deploy while the first still has calls: its tasks retire as those before them did."""

    async def scenario() -> None:
        async with service() as cloud:
            await cloud.deploy(2)
            await asyncio.sleep(30)
            await cloud.deploy(3)
            healthy_at = asyncio.get_running_loop().time()
            await asyncio.sleep(60 + CALL_S + ASK_EVERY_S + LAST_CALLS_S)
            assert all(task.gone for release in (1, 2) for task in cloud.of(release))
            assert max(task.last_call_at for task in cloud.of(1) + cloud.of(2)) <= healthy_at + 60
            assert cloud.refused == 0

    virtual_time.run(scenario())


class Told:
    """ECS, saying one thing after another; an error where there is nothing left to say."""

    def __init__(self, *standings: Standing | None) -> None:
        self.standings = list(standings)

    async def standing(self) -> Standing:
        said = self.standings.pop(0) if len(self.standings) > 1 else self.standings[0]
        if said is None:
            raise EcsError("ThrottlingException")
        return said


SERVES, OLD = Standing(superseded=False, leaving=False), Standing(superseded=True, leaving=False)


@pytest.mark.parametrize(
    ("told", "changes"),
    [
        (Told(SERVES), []),
        (Told(OLD, OLD, SERVES), []),  # the new tasks ran for a moment and failed
        (Told(*[OLD] * 4, SERVES), [True, False]),  # ECS went back: calls are taken again
        (Told(*[OLD] * 4, None), [True]),  # while ECS can't be asked nothing changes
        (Told(None), []),
    ],
)
def test_retirement_follows_what_ecs_reports(told: Told, changes: list[bool]):
    async def scenario() -> None:
        seen: list[bool] = []
        left: list[bool] = []
        retirement = Retirement(told, changed=seen.append, leave=lambda: left.append(True), idle=asyncio.Event().wait)
        following = asyncio.create_task(retirement.follow())
        await asyncio.sleep(SETTLED_S + 8 * ASK_EVERY_S)
        following.cancel()
        assert (seen, left) == (changes, [])

    virtual_time.run(scenario())


def test_an_idle_relay_leaves_only_when_the_balancer_knows_too():
    """The balancer may send a call a moment after ECS has begun to take the task away."""

    async def scenario() -> None:
        left: list[float] = []
        idle = asyncio.Event()
        idle.set()
        loop = asyncio.get_running_loop()
        leaving = Told(Standing(superseded=False, leaving=True))
        began = loop.time()
        retirement = Retirement(
            leaving, changed=lambda _: None, leave=lambda: left.append(loop.time() - began), idle=idle.wait
        )
        following = asyncio.create_task(retirement.follow())
        await asyncio.sleep(LAST_CALLS_S - 1)
        assert (retirement.retired, left) == (True, [])
        idle.clear()  # that call
        await asyncio.sleep(60)
        assert left == []
        idle.set()
        await following
        assert left == [LAST_CALLS_S - 1 + 60]

    virtual_time.run(scenario())
