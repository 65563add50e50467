"""The sockets of one conversation with Gemini, one after another: Google closes each after a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from relay.agents.seam import AgentError, CallInfo
from relay.agents.socket import AgentSocket, Closed, Hear

_MOVE_BEFORE: Final = 5.0  # the part of goAway's time reserved for moving to the next socket
_RESUME_PAUSE: Final = 5.0  # a socket that lived for less is not resumed: the next agent takes over

Open = Callable[[CallInfo, str], Awaitable[AgentSocket]]
Switched = Callable[[AgentSocket], Awaitable[None]]


class Succession:
    """`open_socket` opens one for a call, resuming a handle; `switched` is called once it is in use."""

    def __init__(self, open_socket: Open, switched: Switched) -> None:
        self.handle = ""
        """With this the conversation can be resumed; empty: not yet."""
        self.between_turns = asyncio.Event()
        """The model is not speaking: a good moment to move."""
        self.between_turns.set()
        self._open_socket = open_socket
        self._switched = switched
        self._loop = asyncio.get_running_loop()
        self._call: CallInfo | None = None
        self._socket: AgentSocket | None = None
        self._left: AgentSocket | None = None
        self._since = 0.0
        self._moving: asyncio.Event | None = None
        self._over = False

    async def start(self, call: CallInfo) -> AgentSocket:
        """Open the first socket. Raises AgentError."""
        self._call = call
        return await self._open(call)

    async def receive(self, hear: Hear | None = None) -> bytes | Closed:
        """The next message of the current socket (see AgentSocket); a lost socket is replaced if possible."""
        while True:
            socket = self._socket
            if socket is None:
                raise AgentError("not_connected", "nothing can be received before connect")
            message = await socket.receive(hear)
            if not isinstance(message, Closed):
                return message
            if self._moving is not None:
                self.between_turns.set()  # nothing to wait for any more
                await self._moving.wait()
            if socket is not self._socket:
                continue
            if not self._resumable(socket):
                return message
            try:
                await self._switch()
            except AgentError as error:
                return Closed(message.code, f"{message.reason} (not resumed: {error})".strip())

    async def move(self, seconds: float) -> None:
        """The vendor will close this socket: move to the next one, between two turns if there is time for that.

        The caller's sound goes to the old socket until the new one is ready, so nothing is lost.
        """
        old = self._socket
        if not self.handle or self._moving is not None or old is None:
            return
        self._moving = asyncio.Event()
        try:
            try:
                async with asyncio.timeout(max(0.0, seconds - _MOVE_BEFORE)):
                    await self.between_turns.wait()
            except TimeoutError:
                pass
            try:
                await self._switch()
            except AgentError:
                return  # the old one is used until it is closed; then resuming is retried once
        finally:
            self._moving.set()
            self._moving = None
        self._left = old
        await old.close()

    async def close(self) -> None:
        """The conversation is over: replace no more sockets."""
        self._over = True
        self._open_socket, self._switched = _too_late, _unused  # what they were holds this
        if self._left is not None:
            await self._left.close()

    def _resumable(self, socket: AgentSocket) -> bool:
        if self._over or socket.given_up:
            return False
        return bool(self.handle) and self._loop.time() - self._since >= _RESUME_PAUSE

    async def _switch(self) -> None:
        if self._call is not None:
            socket = await self._open(self._call)
            self.between_turns.set()
            await self._switched(socket)

    async def _open(self, call: CallInfo) -> AgentSocket:
        socket = self._socket = await self._open_socket(call, self.handle)
        self._since = self._loop.time()
        return socket


async def _too_late(call: CallInfo, handle: str) -> AgentSocket:
    raise AgentError("closed", "the conversation is over")


async def _unused(socket: AgentSocket) -> None:
    """No socket is opened any more."""
