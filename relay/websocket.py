"""WebSocket messages in fewer steps than aiohttp takes. What is on the wire, and what ends a socket, is up to it."""

import asyncio
from collections.abc import Callable
from random import getrandbits
from struct import Struct
from typing import Any, Final

import aiohttp
from aiohttp import WSCloseCode, WSMsgType
from aiohttp.http import WebSocketWriter

mask: Callable[[bytes, bytearray], None] | None
try:  # aiohttp's own, in C; it has no public name
    from aiohttp._websocket.helpers import websocket_mask as mask
except ImportError:
    mask = None

TEXT, BINARY = WSMsgType.TEXT, WSMsgType.BINARY  # a look-up in the enumeration takes six times as long as a name

# the head of a frame of up to 125 bytes, of up to 65,535, and of more; a client's ends with its key
_PLAIN: Final = (Struct("!BB").pack, Struct("!BBH").pack, Struct("!BBQ").pack)
_KEYED: Final = (Struct("!BBI").pack, Struct("!BBHI").pack, Struct("!BBQI").pack)
_WHOLE, _MASKED, _TWO_MORE, _EIGHT_MORE = 0x80, 0x80, 126, 127

_NOTED_EVERY: Final = 0.5  # seconds


def write_at_once(transport: asyncio.Transport, message: bytes, kind: WSMsgType, *, behind: int = 0) -> bool:
    """Write one message as a server does, in one frame, if at most `behind` bytes wait to be sent.

    False: nothing was written; aiohttp's `send_frame` writes it, waits, or raises what is wrong.
    """
    if transport.is_closing() or transport.get_write_buffer_size() > behind:
        return False
    transport.write(_head(_PLAIN, kind, len(message), 0) + message)
    return True


def _head(packs: tuple[Callable[..., bytes], ...], kind: WSMsgType, size: int, bit: int, *key: int) -> bytes:
    if size < _TWO_MORE:
        return packs[0](_WHOLE | kind, bit | size, *key)
    if size < 65_536:
        return packs[1](_WHOLE | kind, bit | _TWO_MORE, size, *key)
    return packs[2](_WHOLE | kind, bit | _EIGHT_MORE, size, *key)


class OutgoingSocket(aiohttp.ClientWebSocketResponse[bool]):
    """aiohttp's, for `ClientSession(ws_response_class=OutgoingSocket)`."""

    def __init__(self, reader: Any, writer: WebSocketWriter, *args: Any, **kwargs: Any) -> None:
        super().__init__(reader, writer, *args, **kwargs)
        self._transport = writer.transport
        self._time = asyncio.get_running_loop().time
        self._noted_at = 0.0

    def write(self, message: bytes, kind: WSMsgType) -> bool:
        """As write_at_once, but as a client, whose frames are masked. Nothing is written to a closed socket."""
        transport = self._transport
        if mask is None or self.closed or transport.is_closing() or transport.get_write_buffer_size():
            return False
        head, content = _head(_KEYED, kind, len(message), _MASKED, getrandbits(32)), bytearray(message)
        mask(head[-4:], content)
        transport.write(head + content)
        return True

    def _set_closed(self) -> None:
        """aiohttp's connection holds `_on_data_received`, and so this socket, which holds the connection."""
        super()._set_closed()
        protocol = self._conn.protocol if self._conn is not None else None
        if protocol is not None and hasattr(protocol, "_data_received_cb"):  # aiohttp's own name
            protocol._data_received_cb = None

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"") -> bool:
        """aiohttp keeps the error of a connection that was lost, whose frames hold this socket."""
        try:
            return await super().close(code=code, message=message)
        finally:
            self._exception = None

    def _on_data_received(self) -> None:
        """aiohttp puts off its next ping whenever something arrives. Twice a second is enough for one after seconds."""
        now = self._time()
        if now - self._noted_at >= _NOTED_EVERY:
            self._noted_at = now
            super()._on_data_received()
