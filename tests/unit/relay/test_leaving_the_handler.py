"""A socket stays open when aiohttp's handler has returned, and its connection is aiohttp's as before."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiohttp import WSMsgType, web

from relay.arrivals import IncomingSocket
from relay.handshake import forget_request, leave_handler
from relay.outgoing import outgoing
from relay.server import runner
from relay.tasks import Tasks


class Served:
    """A server whose handlers leave; the last one's end, connection and transport."""

    def __init__(self):
        self.left = False
        self._tasks = Tasks(lambda error: None)

    async def handle(self, request):
        self.ws = IncomingSocket(decode_text=False, max_msg_size=2**20)
        await self.ws.prepare(request)
        forget_request(request, self.ws)
        self.connection, self.transport = request.protocol, request.transport
        self.echoing = self._tasks.spawn(self._echo(self.ws))
        self.left = leave_handler(request, self.ws)
        return self.ws

    async def _echo(self, ws):
        async for message in ws:
            await ws.send_bytes(message.data)


@asynccontextmanager
async def served():
    """It, one open socket to it, and how to end it."""
    server, app = Served(), web.Application()
    app.router.add_get("/", server.handle)
    serving = runner(app)
    await serving.setup()
    await web.TCPSite(serving, "127.0.0.1", 0).start()
    async with outgoing() as http:
        ws = await http.ws_connect(f"ws://127.0.0.1:{serving.addresses[0][1]}/", decode_text=False, max_msg_size=2**20)
        await ws.send_bytes(b"first")
        assert (await ws.receive()).data == b"first"
        yield server, ws, serving.cleanup
        await ws.close()
    await serving.cleanup()


async def test_nothing_of_aiohttps_waits_and_messages_pass_as_before():
    async with served() as (server, ws, _):
        assert server.left
        assert server.connection.transport is server.transport
        waiting = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
        assert not [name for name in waiting if "RequestHandler" in name]
        for size in (0, 125, 70_000, 300_000):  # the last makes aiohttp pause reading
            await ws.send_bytes(bytes(size))
            assert (await ws.receive()).data == bytes(size)
        await ws.close()
        await server.echoing
        assert server.ws.close_code == 1000
        assert server.transport.is_closing()


async def test_our_end_closes_it():
    async with served() as (server, ws, _):
        closing = asyncio.create_task(server.ws.close(code=4001, message=b"gone"))
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "gone")
        await closing
        assert server.transport.is_closing()


async def test_a_connection_that_breaks_ends_it():
    async with served() as (server, ws, _):
        ws._conn.transport.abort()
        await server.echoing
        assert server.ws.close_code in (1000, 1006)
        assert server.connection.transport is None


async def test_a_server_that_ends_cuts_it():
    async with served() as (server, ws, end):
        await end()
        assert (await ws.receive()).type is WSMsgType.CLOSED
        await server.echoing


class Transport:
    closed = False

    def close(self):
        self.closed = True


def a_request(**differences):
    """Open, and its handler is about to return."""
    values = {"_current_request": None, "_force_close": False, "_manager": "server", "transport": Transport()}
    values["_task_handler"] = asyncio.get_running_loop().create_future()
    protocol = SimpleNamespace(**{**values, **differences})
    return SimpleNamespace(protocol=protocol), SimpleNamespace(_req="request", _eof_sent=False)


@pytest.mark.parametrize(
    ("meanwhile", "given_back", "closed"),
    [({}, True, False), ({"_manager": None}, False, False), ({"_force_close": True}, False, True)],
)
async def test_what_happens_until_the_handler_has_returned(meanwhile, given_back, closed):
    """The connection may be lost, or the server may end: both find no transport to close."""
    request, response = a_request()
    protocol, transport = request.protocol, request.protocol.transport
    assert leave_handler(request, response)
    assert (protocol.transport, response._req.transport, response._eof_sent) == (None, transport, True)
    vars(protocol).update(meanwhile)
    protocol._task_handler.set_result(None)
    await asyncio.sleep(0)
    assert protocol.transport is (transport if given_back else None)
    assert transport.closed == closed


@pytest.mark.parametrize("different", [{"transport": None}, {"_task_handler": None}])
async def test_a_connection_that_is_lost_is_left_to_aiohttp(different):
    request, response = a_request(**different)
    assert not leave_handler(request, response)
    assert response._req == "request"


@pytest.mark.parametrize("name", ["_current_request", "_force_close", "_manager", "_task_handler"])
async def test_an_aiohttp_that_names_things_differently_is_not_touched(name):
    request, response = a_request()
    before = request.protocol.transport
    delattr(request.protocol, name)
    assert not leave_handler(request, response)
    assert (request.protocol.transport, response._req, response._eof_sent) == (before, "request", False)
