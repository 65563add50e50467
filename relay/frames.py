"""A WebSocket message as bytes, whole and in one frame (RFC 6455), written where nothing waits to be sent."""

import asyncio
from collections.abc import Callable
from random import getrandbits
from struct import Struct
from typing import Final

from aiohttp import WSMsgType

Mask = Callable[[bytes, bytearray], None]


def _mask_of_aiohttp() -> Mask | None:
    """Its own, in C; it has no public name."""
    try:
        from aiohttp._websocket.helpers import websocket_mask
    except ImportError:
        return None
    return websocket_mask


mask: Final = _mask_of_aiohttp()  # what is Final is quicker to find in a compiled module
_key: Final = getrandbits
_TEXT: Final = WSMsgType.TEXT
# the head of a frame of up to 125 bytes, of up to 65,535, and of more; a client's ends with its key
_PLAIN: Final = (Struct("!BB").pack, Struct("!BBH").pack, Struct("!BBQ").pack)
_KEYED: Final = (Struct("!BBI").pack, Struct("!BBHI").pack, Struct("!BBQI").pack)
_usual_head: Final = _KEYED[1]
_usual_plain_head: Final = _PLAIN[1]
# RFC 6455, 5.2: how a whole message in one frame begins, and what the byte after it says of its length
_WHOLE: Final = 0x80
WHOLE_TEXT: Final = 0x81
MASKED: Final = 0x80
TWO_MORE: Final = 126
EIGHT_MORE: Final = 127


def write_at_once(transport: asyncio.Transport, message: bytes, kind: WSMsgType, *, behind: int = 0) -> bool:
    """Write one message as a server does, in one frame, if at most `behind` bytes wait to be sent.

    False: nothing was written; aiohttp's `send_frame` writes it, waits, or raises what is wrong.
    """
    if transport.is_closing() or transport.get_write_buffer_size() > behind:
        return False
    size = len(message)
    if kind is _TEXT and TWO_MORE <= size < 65_536:  # a frame to the line
        head = _usual_plain_head(WHOLE_TEXT, TWO_MORE, size)
    else:
        head = _head(_PLAIN, kind, size, 0)
    transport.write(head + message)
    return True


class MaskedWriter:
    """Writes as write_at_once does, but as a client, whose frames are masked. Nothing once it is `closed`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.closed = False

    def write(self, message: bytes, kind: WSMsgType) -> bool:
        """See write_at_once."""
        transport = self._transport
        if self.closed or mask is None or transport.is_closing() or transport.get_write_buffer_size():
            return False
        size = len(message)
        if kind is _TEXT and TWO_MORE <= size < 65_536:  # a caller's frame
            head = _usual_head(WHOLE_TEXT, MASKED | TWO_MORE, size, _key(32))
        else:
            head = _head(_KEYED, kind, size, MASKED, _key(32))
        content = bytearray(message)
        mask(head[-4:], content)
        transport.write(head + content)
        return True


def _head(packs: tuple[Callable[..., bytes], ...], kind: WSMsgType, size: int, bit: int, *key: int) -> bytes:
    if size < TWO_MORE:
        return packs[0](_WHOLE | kind, bit | size, *key)
    if size < 65_536:
        return packs[1](_WHOLE | kind, bit | TWO_MORE, size, *key)
    return packs[2](_WHOLE | kind, bit | EIGHT_MORE, size, *key)
