"""The line's socket: what waits in its buffers is kept small, and a line that is gone is no defect."""

import asyncio
import socket
from types import SimpleNamespace

import pytest
import uvloop
from aiohttp import WSMsgType

from relay.line.socket import SEND_BUFFER, UNSENT_LIMIT, Line
from sim import virtual_time


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

    assert virtual_time.run(story()) >= 240
