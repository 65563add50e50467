"""The relay's way out: who was asked answers, keys go nowhere else, and a proxy is used where one is set."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
import trustme
from aiohttp import web

from relay.agents.seam import AgentError
from relay.agents.socket import AgentSocket
from relay.outgoing import AnswerError, RedirectError, outgoing, whole
from sim.serving import serving
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

KEY = "sk_test"


class Stranger:
    """A host that nobody configured: notes what reaches it."""

    def __init__(self):
        self.requests = []

    async def take(self, request):
        self.requests.append((request.method, dict(request.headers), await request.read()))
        if "Upgrade" in request.headers:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            return socket
        return web.json_response({"signed_url": "ws://127.0.0.1:1/", "status": "ok"})


@asynccontextmanager
async def pointing_elsewhere(status):
    """A server whose every answer is a redirect to a stranger."""
    stranger = Stranger()
    there, here = web.Application(), web.Application()
    there.router.add_route("*", "/{path:.*}", stranger.take)
    async with serving(there) as other:

        async def point(request):
            return web.Response(status=status, headers={"Location": other + "/anywhere"})

        here.router.add_route("*", "/{path:.*}", point)
        async with serving(here) as url:
            yield url, stranger


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@virtual
async def test_a_key_does_not_follow_a_redirect(status):
    """`xi-api-key` and `x-goog-api-key` went to the host that the answer named, by REST and by the upgrade."""
    async with pointing_elsewhere(status) as (url, stranger), outgoing() as http:
        with pytest.raises(RedirectError):
            await http.post(url, data=b"words", headers={"xi-api-key": KEY})
        with pytest.raises(AgentError, match=f"upgrade answered with HTTP {status}") as failed:
            await AgentSocket.open(http, url.replace("http", "ws"), headers={"x-goog-api-key": KEY})
        assert failed.value.reason == f"http_{status}"
        assert stranger.requests == []


@virtual
async def test_an_agent_whose_signed_url_is_elsewhere_has_failed(tmp_path):
    async with pointing_elsewhere(307) as (url, stranger):
        settings = {"elevenlabs_base_url": url, "elevenlabs_agent_id": "agent_0"}
        async with relay_world(tmp_path, settings=settings) as world:
            result = await world.call(script=())
            assert world.record(result.call_sid)["end_reason"] == "agent_failed"
            assert stranger.requests == []


@virtual
async def test_an_answer_is_read_up_to_its_bound():
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(10_000))
        except ConnectionError:
            return response

    app = web.Application()
    app.router.add_get("/", endless)
    async with serving(app) as url, outgoing() as http:
        with pytest.raises(AnswerError, match="more than 5000 bytes"):
            async with http.get(url) as response:
                await whole(response, 5000)


class Proxy:
    """An HTTP proxy: CONNECT for TLS, absolute addresses for what is plain. `asked`: request lines and credentials."""

    def __init__(self, to):
        self.asked = []
        self._to = to
        self._tasks = set()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        self.asked.append((line, headers.get("proxy-authorization")))
        method, target, _ = line.split()
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            back.write(head.replace(target, "/" + target.split("/", 3)[3], 1).encode())
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)

    async def _pump(self, source, sink):
        try:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    def close(self):
        for task in self._tasks:
            task.cancel()


async def echo(request):
    if "Upgrade" not in request.headers:
        return web.json_response({"status": "ok"})
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_bytes(message.data)
    return socket


@asynccontextmanager
async def behind_a_proxy(ssl_context=None):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    proxy = Proxy(runner.addresses[0][1])
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        proxy.close()
        server.close()
        await runner.cleanup()


@pytest.mark.parametrize("userinfo", ["", "relay:pass%20word@"])
async def test_tls_goes_through_the_proxy_by_connect(monkeypatch, userinfo):
    """A relay in a closed network: its agents' sockets and its requests reach the world through HTTPS_PROXY only."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("agent.example").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with behind_a_proxy(context) as (proxy, port), outgoing() as http:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{userinfo}127.0.0.1:{port}")
        async with http.ws_connect("wss://agent.example:8443/talk", ssl=trusting) as socket:
            await socket.send_bytes(b"hello")
            assert (await socket.receive()).data == b"hello"
        async with http.get("https://agent.example:8443/", ssl=trusting) as response:
            assert await whole(response) == b'{"status": "ok"}'
        secret = aiohttp.encode_basic_auth("relay", "pass word") if userinfo else None
        assert proxy.asked == [("CONNECT agent.example:8443 HTTP/1.1", secret)] * 2


async def test_what_is_plain_goes_through_the_proxy_by_its_whole_address(monkeypatch):
    async with behind_a_proxy() as (proxy, port), outgoing() as http:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        async with http.get("http://functions.example/relay/events") as response:
            assert response.status == 200
        assert proxy.asked == [("GET http://functions.example/relay/events HTTP/1.1", None)]


async def test_no_proxy_and_this_machine_go_directly(monkeypatch):
    async with behind_a_proxy() as (proxy, port), outgoing() as http:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "example")
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get("http://127.0.0.1:1/")
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get("http://functions.example:1/")
        assert proxy.asked == []
