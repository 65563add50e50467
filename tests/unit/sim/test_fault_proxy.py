"""The proxy that makes connections bad, on the networks of sim.network."""

import asyncio

import pytest

from sim.network import Network
from tests.support.fault_proxy import FaultProxy
from tests.support.virtual import virtual


async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize(
    ("network", "asked_at", "answered_after"),
    [
        (Network(0.03), 0.0, 0.06),
        (Network(0.03, stalls=((1.0, 2.0),)), 0.0, 0.06),
        (Network(0.03, stalls=((1.0, 2.0),)), 1.5, 1.53),
        (Network(0.03, stalls=((1.0, 2.0),)), 4.0, 0.06),
    ],
)
@virtual
async def test_bytes_arrive_when_the_network_lets_them(network, asked_at, answered_after):
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(echoing, "127.0.0.1", 0)
    async with FaultProxy(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        proxy.network = network
        host, _, port = proxy.url.removeprefix("tcp://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"first")
        assert await reader.readexactly(5) == b"first"
        opened_at = loop.time() - 2 * network.latency_s
        await asyncio.sleep(max(0.0, opened_at + asked_at - loop.time()))
        began = loop.time()
        writer.write(b"asked")
        assert await reader.readexactly(5) == b"asked"
        assert loop.time() - began == pytest.approx(answered_after, abs=0.07)
        writer.close()
    server.close()
