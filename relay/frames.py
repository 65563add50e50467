"""A WebSocket message as bytes, whole and in one frame (RFC 6455), written where nothing waits to be sent."""

import asyncio
from collections.abc import Callable
from random import getrandbits
from struct import Struct
from typing import Final

from aiohttp import WSMsgType

mask: Callable[[bytes, bytearray], None] | None
try:  # aiohttp's own, in C; it has no public name
    from aiohttp._websocket.helpers import websocket_mask as mask
except ImportError:
    mask = None

# the head of a frame of up to 125 bytes, of up to 65,535, and of more; a client's ends with its key
_PLAIN: Final = (Struct("!BB").pack, Struct("!BBH").pack, Struct("!BBQ").pack)
_KEYED: Final = (Struct("!BBI").pack, Struct("!BBHI").pack, Struct("!BBQI").pack)
_WHOLE, _MASKED, _TWO_MORE, _EIGHT_MORE = 0x80, 0x80, 126, 127


def write_at_once(transport: asyncio.Transport, message: bytes, kind: WSMsgType, *, behind: int = 0) -> bool:
    """Write one message as a server does, in one frame, if at most `behind` bytes wait to be sent.

    False: nothing was written; aiohttp's `send_frame` writes it, waits, or raises what is wrong.
    """
    if transport.is_closing() or transport.get_write_buffer_size() > behind:
        return False
    transport.write(_head(_PLAIN, kind, len(message), 0) + message)
    return True


def write_masked(transport: asyncio.Transport, message: bytes, kind: WSMsgType) -> bool:
    """As write_at_once, but as a client, whose frames are masked."""
    if mask is None or transport.is_closing() or transport.get_write_buffer_size():
        return False
    head, content = _head(_KEYED, kind, len(message), _MASKED, getrandbits(32)), bytearray(message)
    mask(head[-4:], content)
    transport.write(head + content)
    return True


def _head(packs: tuple[Callable[..., bytes], ...], kind: WSMsgType, size: int, bit: int, *key: int) -> bytes:
    if size < _TWO_MORE:
        return packs[0](_WHOLE | kind, bit | size, *key)
    if size < 65_536:
        return packs[1](_WHOLE | kind, bit | _TWO_MORE, size, *key)
    return packs[2](_WHOLE | kind, bit | _EIGHT_MORE, size, *key)
