"""Names to addresses when the name server fails: the last good answer serves."""

import asyncio
from socket import AF_INET, gaierror

import pytest
from aiohttp.abc import AbstractResolver

from relay.resolver import PATIENCE, LastGoodResolver
from tests.support.virtual import virtual


def answer(address):
    return [{"hostname": "agent.example", "host": address, "port": 443, "family": AF_INET, "proto": 6, "flags": 4}]


class NameServer(AbstractResolver):
    """Answers as told: a list, an exception, or after some seconds."""

    def __init__(self):
        self.says = answer("192.0.2.1")
        self.takes_s = 0.0
        self.asked = 0
        self.closed = False

    async def resolve(self, host, port=0, family=AF_INET):
        self.asked += 1
        says = self.says
        await asyncio.sleep(self.takes_s)
        if isinstance(says, Exception):
            raise says
        return says

    async def close(self):
        self.closed = True


def addresses(found):
    return [one["host"] for one in found]


@virtual
async def test_a_minute_without_a_name_server_costs_nobody_the_agent(caplog):
    """An answer was kept for ten seconds and then forgotten, though the vendor's address was known."""
    server = NameServer()
    resolver = LastGoodResolver(server)
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]
    server.says = gaierror(-3, "Temporary failure in name resolution")
    for _ in range(6):
        await asyncio.sleep(10)
        assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]
    lines = [record for record in caplog.records if getattr(record, "event", "") == "name_unresolved"]
    assert {(record.host, record.problem) for record in lines} == {
        ("agent.example", "[Errno -3] Temporary failure in name resolution")
    }
    server.says = answer("192.0.2.2")
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.2"]


@virtual
async def test_a_name_that_was_never_known_fails():
    server = NameServer()
    server.says = gaierror(-2, "Name or service not known")
    with pytest.raises(gaierror):
        await LastGoodResolver(server).resolve("agent.example", 443)


@virtual
async def test_a_slow_name_server_is_waited_for_only_where_nothing_is_known():
    server = NameServer()
    server.takes_s = 8.0
    resolver = LastGoodResolver(server)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]
    assert loop.time() - begin == 8
    server.says = answer("192.0.2.2")
    begin = loop.time()
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]
    assert loop.time() - begin == PATIENCE


@virtual
async def test_nobody_asks_again_while_an_answer_is_under_way_and_it_counts_when_it_comes():
    """Each look-up holds a thread: a call a second against a name server that hangs would use them up."""
    server = NameServer()
    resolver = LastGoodResolver(server)
    await resolver.resolve("agent.example", 443)
    server.takes_s, server.says = 20.0, answer("192.0.2.2")
    for _ in range(5):
        assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]
    assert server.asked == 2
    await asyncio.sleep(20)
    server.says, server.takes_s = gaierror(-3, "away"), 0.0
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.2"]


@virtual
async def test_one_cancelled_waiter_does_not_cancel_the_others():
    server = NameServer()
    server.takes_s = 3.0
    resolver = LastGoodResolver(server)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await resolver.resolve("agent.example", 443)
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]
    assert server.asked == 1


@virtual
async def test_an_empty_answer_counts_as_no_answer():
    server = NameServer()
    resolver = LastGoodResolver(server)
    await resolver.resolve("agent.example", 443)
    server.says = []
    assert addresses(await resolver.resolve("agent.example", 443)) == ["192.0.2.1"]


@virtual
async def test_closing_ends_what_is_under_way():
    server = NameServer()
    server.takes_s = 1000.0
    resolver = LastGoodResolver(server)
    waiting = asyncio.create_task(resolver.resolve("agent.example", 443))
    await asyncio.sleep(1)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert server.closed


@virtual
async def test_names_without_number_are_not_all_remembered():
    server = NameServer()
    resolver = LastGoodResolver(server)
    for n in range(300):
        await resolver.resolve(f"{n}.example", 443)
    assert len(resolver._good) == 256
