"""A TCP proxy that makes a connection as bad as connections get: between any two parts, in virtual or real time.

Faults are switched by setting attributes, at any moment, and hold for every connection, old and new:

    latency_s, jitter_s   how much later bytes arrive; their order is kept
    network               the same from sim.network: bursts, stalls; for connections opened after it was set
    bytes_per_s           bandwidth, each way and connection; 0 for no limit
    stalled               nothing moves, in either direction, until it is False again
    refusing              new connections are reset at once
    deaf                  nothing is read from the target any more, so that the target's own buffers fill up; what it
                          is sent still arrives. Set `window_bytes` first: what the network may hold until then

`cut(fin=…)` ends all connections, with a FIN or a reset; `half_open()` leaves them to their peers and never says a word
again, as a machine that lost its power does.
"""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import Self

from sim.network import Network

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
        self._reading = asyncio.Event()
        self._reading.set()
        self.network: Network | None = None
        self.latency_s = 0.0
        self.jitter_s = 0.0
        self.bytes_per_s = 0.0
        self.refusing = False
        self.window_bytes = 0
        self.opened = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{self._scheme}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._moving.set()
        self._reading.set()
        for connection in list(self._connections):
            connection.end(fin=False)
        while self._connections:  # noqa: ASYNC110 - each leaves the set as it ends
            await asyncio.sleep(0.01)

    @property
    def stalled(self) -> bool:
        return not self._moving.is_set()

    @stalled.setter
    def stalled(self, value: bool) -> None:
        _switch(self._moving, not value)

    @property
    def deaf(self) -> bool:
        return not self._reading.is_set()

    @deaf.setter
    def deaf(self, value: bool) -> None:
        _switch(self._reading, not value)

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
            there = await self._connect()
        except OSError:
            _reset(writer)
            return
        connection = _Connection((reader, writer), there)
        self._connections.add(connection)
        try:
            await asyncio.gather(
                self._pump(connection, reader, there[1]), self._pump(connection, there[0], writer, self._reading)
            )
        finally:
            connection.end(fin=True)
            self._connections.discard(connection)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        there = socket.socket()
        there.setblocking(False)
        limit = 64 * 1024
        if self.window_bytes:  # before connecting, or the kernel has promised more
            there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window_bytes)
            # with the segments of the loopback interface, larger than the window, it would open again by a timer only
            there.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
            limit = 1024  # a stream reads twice its limit ahead
        try:
            await asyncio.get_running_loop().sock_connect(there, self._target)
            return await asyncio.open_connection(sock=there, limit=limit)
        except OSError:
            there.close()
            raise

    async def _pump(
        self,
        connection: "_Connection",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        reading: asyncio.Event | None = None,
    ) -> None:
        """One direction: read at once, unless `reading` says no; hand on when it is due."""
        loop = asyncio.get_running_loop()
        opened_at, due = loop.time(), 0.0
        path = self.network.path(self.opened * 2 + (reading is None)) if self.network else None
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
                with suppress(ConnectionError, RuntimeError):  # closed: its reader is told, too
                    writer.write(data)
                    await writer.drain()

        delivery = asyncio.create_task(deliver())
        try:
            while True:
                if reading is not None:
                    await reading.wait()
                data = await reader.read(_READ)
                if not data:
                    break
                late = self.latency_s + self._random.uniform(-self.jitter_s, self.jitter_s)
                sending = len(data) / self.bytes_per_s if self.bytes_per_s else 0.0
                if path is not None:
                    late += path.arrival(loop.time() - opened_at) + opened_at - loop.time()
                due = max(due, loop.time() + max(0.0, late)) + sending
                await queue.put((due, data))
            await queue.put((max(due, loop.time()), b""))
            await delivery
        except (OSError, asyncio.CancelledError):
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


def _switch(event: asyncio.Event, on: bool) -> None:
    if on:
        event.set()
    else:
        event.clear()


def _reset(writer: asyncio.StreamWriter) -> None:
    """A RST instead of a FIN."""
    transport_socket = writer.get_extra_info("socket")
    if transport_socket is not None:
        with suppress(OSError, ValueError):  # closed already
            transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
