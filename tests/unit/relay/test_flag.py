"""A flag that tasks wait for."""

import asyncio

import pytest

from relay.flag import Flag
from tests.support.virtual import virtual


@virtual
async def test_it_wakes_up_all_that_wait():
    flag = Flag()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(1)
    assert not any(task.done() for task in waiting)
    flag.set()
    flag.set()  # before any of them ran
    assert await asyncio.gather(*waiting) == [True, True, True]


@virtual
async def test_while_it_is_set_nobody_waits():
    flag = Flag()
    flag.set()
    assert await flag.wait()
    assert await flag.wait(until=0.0)
    flag.clear()
    assert not await flag.wait(until=asyncio.get_running_loop().time() + 1)


@virtual
async def test_it_wakes_up_even_those_that_find_it_cleared_again():
    flag = Flag()
    waiting = asyncio.create_task(flag.wait())
    await asyncio.sleep(1)
    flag.set()
    flag.clear()
    assert await waiting


@virtual
async def test_a_wait_with_a_limit_ends_at_its_limit_and_leaves_nothing_behind():
    flag, loop = Flag(), asyncio.get_running_loop()
    began = loop.time()
    assert not await flag.wait(until=began + 2.5)
    assert loop.time() == began + 2.5
    assert await asyncio.gather(flag.wait(until=began + 9), _set(flag)) == [True, None]
    assert loop.time() == began + 2.5
    assert flag._waiting == ()
    assert all(timer.cancelled() for timer in loop._scheduled), "nine seconds were to be waited for"


@virtual
async def test_a_cancelled_wait_is_forgotten_and_the_others_go_on():
    flag = Flag()
    gone, stays = asyncio.create_task(flag.wait()), asyncio.create_task(flag.wait())
    await asyncio.sleep(1)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    flag.set()
    assert await stays


async def _set(flag: Flag) -> None:
    flag.set()
