"""A WebSocket over a network that delivers everything whole and in order, but late (sim/network.py)."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp

from sim.network import Network

Socket = aiohttp.ClientWebSocketResponse[bool]


class DelayedSocket:
    """Replaces `socket` for sending and receiving text. `close` it; otherwise its tasks wait for ever."""

    def __init__(self, socket: Socket, network: Network, *, seed: int = 1) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._there, self._back = network.path(seed), network.path(seed + 1)
        self._incoming: asyncio.Queue[tuple[float, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[tuple[float, str | bytes]] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._take()), asyncio.create_task(self._deliver())]

    @property
    def close_code(self) -> int | None:
        """As the socket's own."""
        return self._socket.close_code

    async def receive(self) -> Any:
        """The next message, once it has arrived."""
        at, message = await self._incoming.get()
        await self._until(at)
        return message

    async def send_str(self, text: str) -> None:
        """Returns at once, before it arrives."""
        self._outgoing.put_nowait((self._there.arrival(self._now()), text))

    async def send_bytes(self, data: bytes) -> None:
        """Returns at once, before it arrives."""
        self._outgoing.put_nowait((self._there.arrival(self._now()), data))

    async def close(self) -> None:
        """Drop messages that are on their way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self) -> None:
        while True:
            message = await self._socket.receive()
            self._incoming.put_nowait((self._back.arrival(self._now()), message))
            if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                return

    async def _deliver(self) -> None:
        while True:
            at, data = await self._outgoing.get()
            await self._until(at)
            with suppress(aiohttp.ClientError, ConnectionError):  # closed in the meantime: tell the receiver
                await (self._socket.send_str(data) if isinstance(data, str) else self._socket.send_bytes(data))

    def _now(self) -> float:
        return self._loop.time() - self._began_at

    async def _until(self, at: float) -> None:
        if at > self._now():
            await asyncio.sleep(at - self._now())
