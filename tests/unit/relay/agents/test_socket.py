"""A socket to a vendor: errors when it is opened, what arrives as what, and its end."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from relay.agents.seam import AgentError
from relay.agents.socket import AgentSocket, Binary, Closed
from relay.outgoing import outgoing
from sim.processes import free_port
from sim.serving import serving
from tests.support.virtual import virtual


@asynccontextmanager
async def answered_by(handler):
    app = web.Application()
    app.router.add_get("/v1", handler)
    async with serving(app) as url, outgoing() as http:
        yield http, f"{url.replace('http', 'ws', 1)}/v1?key=s3cret"


@asynccontextmanager
async def opened(script):
    """A socket whose other side does `script`."""
    asked = []

    async def handler(request):
        asked.append(dict(request.headers))
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await script(ws)
        return ws

    async with answered_by(handler) as (http, url):
        socket = await AgentSocket.open(http, url, headers={"xi-api-key": "key"})
        yield socket
        await socket.close()
        assert asked[0]["xi-api-key"] == "key"
        assert "Sec-WebSocket-Extensions" not in asked[0], "compression would cost each message"


async def failure(http, url):
    with pytest.raises(AgentError) as refused:
        await AgentSocket.open(http, url)
    return refused.value.reason, str(refused.value)


@pytest.mark.parametrize("status", [302, 401, 500])
@virtual
async def test_a_handshake_that_is_refused_has_the_status_and_not_the_address(status):
    async def refuse(request):
        return web.Response(status=status, headers={"Location": "http://elsewhere.example"} if status == 302 else {})

    async with answered_by(refuse) as (http, url):
        reason, text = await failure(http, url)
    assert (reason, text) == (f"http_{status}", f"upgrade answered with HTTP {status}")


@virtual
async def test_a_handshake_that_is_not_answered_is_given_up_after_four_seconds():
    async def wait(request):
        await asyncio.sleep(60)

    async with answered_by(wait) as (http, url):
        began = asyncio.get_running_loop().time()
        assert await failure(http, url) == ("connect_timeout", "no WebSocket within 4 s")
        assert asyncio.get_running_loop().time() - began == pytest.approx(4.0, abs=0.01)


async def test_an_address_where_nobody_listens_is_not_shown():
    """It may contain a key."""
    async with outgoing() as http:
        reason, text = await failure(http, f"ws://127.0.0.1:{free_port()}/v1?key=s3cret")
    assert reason == "unreachable"
    assert "s3cret" not in text
    assert text.startswith("ClientConnectorError: Connect call failed")


@virtual
async def test_what_arrives_is_bytes_and_binary_can_be_told_from_text():
    async def script(ws):
        await ws.send_str("नमस्ते")
        await ws.send_bytes(b"\x01\x02")
        await ws.close(code=4001, message=b"no credits")

    async with opened(script) as socket:
        text, binary = await socket.receive(), await socket.receive()
        assert (text, type(text)) == ("नमस्ते".encode(), bytes)
        assert (binary, type(binary)) == (b"\x01\x02", Binary)
        closed = await socket.receive()
        assert closed == Closed(4001, "no credits")
        assert str(closed) == "4001 no credits"
        assert await socket.receive() == Closed(4001, "")


@virtual
async def test_what_is_sent_arrives_as_text_or_binary():
    got = []

    async def script(ws):
        got.extend([await ws.receive() for _ in range(2)])

    async with opened(script) as socket:
        await socket.send(b'{"a": 1}')
        await socket.send(b"\x01", WSMsgType.BINARY)
        assert socket.stalled_for(asyncio.get_running_loop().time() + 9) == 0.0
        await socket.receive()
        assert isinstance(await socket.receive(), Closed)
        await socket.send(b"after the end")  # dropped
    assert [(message.type, message.data) for message in got] == [
        (WSMsgType.TEXT, '{"a": 1}'),
        (WSMsgType.BINARY, b"\x01"),
    ]


@virtual
async def test_a_connection_that_is_cut_is_1006():
    async def script(ws):
        ws._req.transport.abort()

    async with opened(script) as socket:
        closed = await socket.receive()
        assert (closed.code, str(closed)[:4]) == (1006, "1006")


@virtual
async def test_a_socket_that_was_given_up_says_why_and_not_that_we_closed_it():
    async def script(ws):
        await ws.receive()

    async with opened(script) as socket:
        assert not socket.given_up
        await socket.give_up("it read nothing for 5 s")
        assert socket.given_up
        assert await socket.receive() == Closed(1006, "it read nothing for 5 s")
