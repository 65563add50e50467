"""What aiohttp keeps of a handshake is dropped, and the socket works as before."""

import asyncio
import gc
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiohttp import WSMsgType, web

from relay.handshake import forget_request, forget_response
from relay.outgoing import outgoing
from relay.server import runner

PARSERS = {"HttpRequestParser", "HttpResponseParser"}
KEPT = PARSERS | {"deque", "ClientResponse"}


@asynccontextmanager
async def sockets(count, *, forget=True):
    """Pairs of sockets, the server's ends echoing; and the server's ends, for each its messages so far."""
    served = []

    async def echo(request):
        ws = web.WebSocketResponse(decode_text=False)
        await ws.prepare(request)
        if forget:
            forget_request(request, ws)
        served.append(ws)
        async for message in ws:
            await ws.send_bytes(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/", echo)
    serving = runner(app)
    await serving.setup()
    site = web.TCPSite(serving, "127.0.0.1", 0)
    await site.start()
    async with outgoing() as http:
        opened = []
        for _ in range(count):
            ws = await http.ws_connect(f"ws://127.0.0.1:{serving.addresses[0][1]}/", decode_text=False)
            if forget:
                forget_response(ws)
            opened.append(ws)
        yield opened, served
        for ws in opened:
            await ws.close()
    await serving.cleanup()


def held() -> Counter[str]:
    """Parsers, what an aiohttp connection queues in, and what answered, by type."""
    gc.collect()
    return Counter(name for found in gc.get_objects() if (name := type(found).__name__) in KEPT)


async def test_an_open_socket_keeps_no_parser_and_no_queue_of_http():
    async with sockets(1):  # what the first one makes once
        before = held()
        async with sockets(3) as (opened, served):
            more = held() - before
            assert not PARSERS & set(more)
            # two for the messages of each pair, and one for the server's own
            assert more["deque"] <= 3 * 2 + 2, "the queues of HTTP messages are still there: 760 bytes each"
            assert not any(ws.headers or ws._req.protocol._cache for ws in served)
            assert more["ClientResponse"] == 0
            assert all(ws.get_extra_info("peername") for ws in opened)


async def test_what_aiohttp_writes_with_is_shared():
    """Each writer has a set and a partial of its own: 600 bytes that nothing is compressed with."""
    async with sockets(2) as (opened, served):
        writers = [ws._writer for ws in (*opened, *served)]
        assert len({id(writer._background_tasks) for writer in writers}) == 1
        [keys] = {writer.get_random_bits for writer in writers}
        assert len({keys() for _ in range(20)}) == 20
        assert max(keys() for _ in range(100)).bit_length() in range(25, 33)


def test_a_socket_that_compresses_keeps_its_own():
    writer = SimpleNamespace(compress=15, _background_tasks="own")
    forget_response(SimpleNamespace(_writer=writer))
    assert writer._background_tasks == "own"


async def test_this_test_sees_what_is_kept():
    async with sockets(1, forget=False):
        before = held()
        async with sockets(3, forget=False):
            more = held() - before
            assert {name: more[name] for name in PARSERS} == dict.fromkeys(PARSERS, 3)
            assert more["deque"] >= 3 * 4
            assert more["ClientResponse"] == 3


async def test_messages_pass_and_the_socket_is_closed_as_before():
    async with sockets(2) as (opened, served):
        for size in (0, 1, 125, 126, 70_000, 300_000):
            for ws in opened:
                await ws.send_bytes(bytes(size))
            for ws in opened:
                assert (await ws.receive()).data == bytes(size)
        first, second = opened
        await first.close(code=4000)
        assert served[0].close_code == 4000
        assert not second.closed
        await served[1].close(code=4001, message=b"gone")
        message = await second.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "gone")


@pytest.mark.parametrize("ours", [True, False])
async def test_a_connection_that_breaks_ends_the_socket(ours):
    async with sockets(1) as ([ws], [served]):
        lost = ws._conn.transport if ours else served._req.transport
        lost.abort()
        assert (await asyncio.wait_for(ws.receive(), 5)).type is WSMsgType.CLOSED
        assert ws.close_code == 1006


def test_a_connection_that_is_not_upgraded_keeps_its_parser():
    """It goes on with HTTP."""
    protocol = SimpleNamespace(_upgraded=False, _parser="parser", _messages=[])
    forget_request(SimpleNamespace(protocol=protocol), SimpleNamespace(headers={}))
    assert (protocol._parser, protocol._messages) == ("parser", [])


def test_messages_that_wait_are_kept():
    protocol = SimpleNamespace(_upgraded=True, _parser="parser", _messages=["one"])
    forget_request(SimpleNamespace(protocol=protocol), SimpleNamespace(headers={}))
    assert (protocol._parser, protocol._messages) == (None, ["one"])


def test_an_aiohttp_that_names_things_differently_keeps_them():
    other = SimpleNamespace(_upgraded=True, http_parser="parser")
    forget_request(SimpleNamespace(protocol=other), SimpleNamespace(headers={}))
    forget_response(SimpleNamespace(_response=SimpleNamespace(connection=SimpleNamespace(protocol=other))))
    forget_response(SimpleNamespace())
    assert vars(other) == {"_upgraded": True, "http_parser": "parser"}
