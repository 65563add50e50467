"""The line's socket: what waits in its buffers is kept small, and a line that is gone is no defect."""

import asyncio
import socket
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import uvloop
from aiohttp import ClientSession, WSMsgType, web

from relay.line.socket import SEND_BUFFER, UNSENT_LIMIT, Line
from relay.line.start_and_end import close
from sim import virtual_time
from sim.serving import serving
from tests.support.unread import holds_up_the_sender
from tests.support.virtual import virtual

LOOPS = [virtual_time.VirtualTimeLoop, uvloop.new_event_loop]


class Relay(asyncio.Protocol):
    """The accepting side of a connection."""

    def __init__(self) -> None:
        self.made, self.lost = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.made.set()

    def connection_lost(self, error):
        self.lost.set()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_buffers_are_small_and_a_line_that_is_gone_is_no_defect(loop_factory):
    """The kernel's own buffers hold minutes of sound. Making them small raises once a connection is closed, which can
    happen between the upgrade and the call: that call must end as one whose line was lost."""

    async def story():
        relay = Relay()
        server = await asyncio.get_running_loop().create_server(lambda: relay, "127.0.0.1", 0)
        _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
        await relay.made.wait()
        Line(None, relay.transport)
        assert relay.transport.get_write_buffer_limits()[1] == UNSENT_LIMIT
        size = relay.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert SEND_BUFFER <= size <= 2 * SEND_BUFFER
        client.close()
        await relay.lost.wait()
        await asyncio.sleep(0)
        Line(None, relay.transport)
        server.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


class Backlog:
    """A socket on which everything has come already."""

    def __init__(self, messages: int) -> None:
        self.messages = [SimpleNamespace(type=WSMsgType.TEXT, data=b'{"event":"clear"}')] * messages

    async def receive(self):
        return self.messages.pop() if self.messages else SimpleNamespace(type=WSMsgType.CLOSED)


def test_a_line_with_a_backlog_takes_turns():
    """Fifty lines whose network had stood still for five seconds came back at once: each was read to its end before
    anybody else had a turn, and the calls beside them had holes."""

    async def story():
        line, turns = Line(Backlog(250), None), 0

        async def another_call():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(another_call())
        while await line.receive() is not None:
            pass
        other.cancel()
        return turns

    assert virtual_time.run(story()) >= 49


@asynccontextmanager
async def accepting():
    """Where a line connects to, what connected, as the relay has it, and what ends that."""
    lines, over = asyncio.Queue(), asyncio.Event()

    async def media(request):
        ws = web.WebSocketResponse(compress=False, decode_text=False, timeout=2.0, writer_limit=UNSENT_LIMIT)
        await ws.prepare(request)
        lines.put_nowait(Line(ws, request.transport))
        await over.wait()
        return ws

    app = web.Application()
    app.router.add_get("/media", media)
    async with serving(app) as url:
        yield url, lines, over


@asynccontextmanager
async def connected():
    """The relay's end of a line and Exotel's."""
    async with accepting() as (url, lines, over), ClientSession() as http, http.ws_connect(url + "/media") as exotel:
        yield await lines.get(), exotel
        over.set()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_messages_of_any_length_arrive_in_their_order(loop_factory):
    """The head of a frame has three lengths. A second message in the same moment finds the first one still unsent."""

    async def story():
        said = [b"x" * size for size in (0, 125, 126, 900, 65_535, 65_536, 3)]
        async with connected() as (line, exotel):
            for pause in (0, 0.01):
                for message in said:
                    await line.send(message)
                    await asyncio.sleep(pause)
                assert [(await exotel.receive_str()).encode() for _ in said] == said

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_mark_is_written_right_behind_its_frame_and_nothing_more_to_a_line_that_does_not_read(loop_factory):
    """What would only wait in the relay is not written at once: the pacer has to know that the line is behind."""

    async def story():
        async with connected() as (line, exotel):
            said = [b'{"event":"media"}', b'{"event":"mark"}']
            assert all(line.write(message) for message in said)
            large = b"x" * 65_535
            while len(said) < 1000 and line.write(large):
                said.append(large)
            assert 2 < len(said) < 1000
            assert [(await exotel.receive_str()).encode() for _ in said] == said
            assert line.write(b"again")
            assert await exotel.receive_str() == "again"

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@virtual
async def test_nothing_follows_a_close_while_its_answer_is_waited_for():
    """Two seconds, in which a pacer may still send."""
    async with accepting() as (url, lines, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        asked = ("Host: relay", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        writer.write("\r\n".join(("GET /media HTTP/1.1", *asked, key, "", "")).encode())
        await reader.readuntil(b"\r\n\r\n")
        line = await lines.get()
        await line.send(b"{}")
        closing = asyncio.create_task(line.close())
        await asyncio.sleep(0.5)
        await line.send(b"too late")
        await closing
        assert await reader.read() == b"\x81\x02{}" + b"\x88\x02\x03\xe8"
        writer.close()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_line_that_does_not_read_holds_up_the_pacer_and_loses_nothing(loop_factory):
    """Minutes of sound would wait in our buffers, and the caller would hear them late."""

    async def story():
        said = [b"%05d" % number + b"x" * 900 for number in range(8_000)]
        async with connected() as (line, exotel):

            async def read():
                return (await exotel.receive_str()).encode()

            await holds_up_the_sender(line, said, read, most=7_000, unread_s=0.5)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@virtual
async def test_a_line_that_does_not_answer_a_close_is_cut(error):
    """Otherwise Exotel would not run its next applet until the network gives the connection up."""
    cut = []

    class Silent:
        async def close(self, *, code, message):
            if error is not None:
                raise error
            await asyncio.Event().wait()

    class Connection:
        def abort(self):
            cut.append(asyncio.get_running_loop().time() - began)

    began = asyncio.get_running_loop().time()
    await close(Silent(), Connection(), 1000, "transferred")
    assert cut == [pytest.approx(0.0 if error else 2.0)]
