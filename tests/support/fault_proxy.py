"""A TCP proxy that makes a connection as bad as connections get: between any two parts, in virtual or real time.

Faults are switched by setting attributes, at any moment, and hold for every connection, old and new:

    latency_s, jitter_s   how much later bytes arrive; their order is kept
    bytes_per_s           bandwidth, each way and connection; 0 for no limit
    stalled               nothing moves, in either direction, until it is False again
    refusing              new connections are reset at once

`cut(fin=…)` ends all connections, with a FIN or a reset; `half_open()` leaves them to their peers and never says a word
again, as a machine that lost its power does.
"""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import Self

_READ = 64 * 1024


class FaultProxy:
    """`async with FaultProxy(url) as proxy`: then use `proxy.url` instead of `url`."""

    def __init__(self, target: str, *, seed: int = 1) -> None:
        self._scheme, _, rest = target.partition("://")
        host, _, port = rest.partition(":")
        self._target = (host, int(port))
        self._random = random.Random(seed)
        self._connections: set[_Connection] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self.latency_s = 0.0
        self.jitter_s = 0.0
        self.bytes_per_s = 0.0
        self.refusing = False
        self.opened = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{self._scheme}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._moving.set()
        for connection in list(self._connections):
            connection.end(fin=False)
        while self._connections:  # noqa: ASYNC110 - each leaves the set as it ends
            await asyncio.sleep(0.01)

    @property
    def stalled(self) -> bool:
        return not self._moving.is_set()

    @stalled.setter
    def stalled(self, value: bool) -> None:
        if value:
            self._moving.clear()
        else:
            self._moving.set()

    def cut(self, *, fin: bool) -> None:
        """End every connection that is open now."""
        for connection in list(self._connections):
            connection.end(fin=fin)

    def half_open(self) -> None:
        """Every connection that is open now is never heard of again; new ones work."""
        for connection in self._connections:
            connection.dead = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            _reset(writer)
            return
        self.opened += 1
        try:
            there = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        connection = _Connection((reader, writer), there)
        self._connections.add(connection)
        try:
            await asyncio.gather(self._pump(connection, reader, there[1]), self._pump(connection, there[0], writer))
        finally:
            connection.end(fin=True)
            self._connections.discard(connection)

    async def _pump(
        self, connection: "_Connection", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One direction: read at once, hand on when it is due."""
        loop = asyncio.get_running_loop()
        due = 0.0
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)

        async def deliver() -> None:
            while True:
                at, data = await queue.get()
                if at > loop.time():
                    await asyncio.sleep(at - loop.time())
                await self._moving.wait()
                if connection.dead and data:
                    continue
                if not data:
                    if connection.dead:
                        return
                    with suppress(OSError, RuntimeError):
                        writer.write_eof()
                    return
                with suppress(ConnectionError):  # its reader is told, too
                    writer.write(data)
                    await writer.drain()

        delivery = asyncio.create_task(deliver())
        try:
            while data := await reader.read(_READ):
                late = self.latency_s + self._random.uniform(-self.jitter_s, self.jitter_s)
                sending = len(data) / self.bytes_per_s if self.bytes_per_s else 0.0
                due = max(due, loop.time() + max(0.0, late)) + sending
                await queue.put((due, data))
            await queue.put((max(due, loop.time()), b""))
            await delivery
        except (ConnectionError, asyncio.CancelledError):
            connection.end(fin=False)
        finally:
            delivery.cancel()
            await asyncio.gather(delivery, return_exceptions=True)


class _Connection:
    """Both sides of one connection through the proxy."""

    def __init__(self, *sides: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._writers = [writer for _, writer in sides]
        self.dead = False

    def end(self, *, fin: bool) -> None:
        for writer in self._writers:
            if fin:
                writer.close()
            else:
                _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """A RST instead of a FIN."""
    transport_socket = writer.get_extra_info("socket")
    if transport_socket is not None:
        with suppress(OSError):
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
