"""The socket of a fake agent, which tests can listen to."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from aiohttp import WSMessage, WSMsgType, web

Side = Literal["client", "server"]
Tap = Callable[[str, Side, str | bytes], None]
"""Told the vendor, who said it, and the message: a text, or the bytes of a binary one."""


class FakeSocket(web.WebSocketResponse):
    """The server's end. `tap`, if set, gets every message of every such socket, in order."""

    tap: ClassVar[Tap | None] = None

    def __init__(self, vendor: str) -> None:
        super().__init__(max_msg_size=16 << 20, timeout=1.0)
        self._vendor = vendor

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """The client's next message."""
        message = await super().receive(timeout)
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            self._tell("client", message.data)
        return message

    async def send_str(self, data: str, *args: Any, **kwargs: Any) -> None:
        """Say something to the client."""
        self._tell("server", data)
        await super().send_str(data, *args, **kwargs)

    async def send_bytes(self, data: Any, *args: Any, **kwargs: Any) -> None:
        """Say something to the client."""
        self._tell("server", bytes(data))
        await super().send_bytes(data, *args, **kwargs)

    def _tell(self, side: Side, message: str | bytes) -> None:
        tap = FakeSocket.tap
        if tap is not None:
            tap(self._vendor, side, message)
