"""The clock on which work takes time."""

import asyncio

from sim import busy_time


def test_work_takes_time_and_what_comes_meanwhile_waits():
    async def scenario():
        loop, read = asyncio.get_running_loop(), []

        def work(name):
            read.append((name, loop.time()))
            loop.spend(0.5)

        for name, when in (("c", 1.6), ("a", 1.0), ("b", 1.1), ("d", 9.0)):
            loop.arrives(when, lambda name=name: work(name))
        loop.call_at(1.2, work, "timer")
        await asyncio.sleep(20)
        return read, loop.time(), loop.busy_s

    read, ended_at, busy_s = busy_time.run(scenario())
    assert read == [("a", 1.0), ("b", 1.5), ("timer", 2.0), ("c", 2.5), ("d", 9.0)]
    assert (ended_at, busy_s) == (20.0, 2.5)


def test_all_that_has_arrived_is_read_in_one_turn():
    async def scenario():
        loop, order = asyncio.get_running_loop(), []
        for name in "ab":
            loop.arrives(1.0, lambda name=name: (order.append(name), loop.call_soon(order.append, f"after {name}")))
        await asyncio.sleep(2)
        return order

    assert busy_time.run(scenario()) == ["a", "b", "after a", "after b"]


def test_what_arrived_long_ago_is_read_at_once():
    async def scenario():
        loop, read = asyncio.get_running_loop(), []
        await asyncio.sleep(5)
        loop.arrives(1.0, lambda: read.append(loop.time()))
        await asyncio.sleep(1)
        return read

    assert busy_time.run(scenario()) == [5.0]
