"""Drops what aiohttp keeps of a handshake while the socket is open, and what only compression needs: 11 KB of a call.

The names are aiohttp's own, and private. One that it no longer has is left out: then the memory is not freed, which
tests/unit/relay/test_handshake.py notices, and nothing else changes.
"""

import asyncio
from collections import deque
from functools import partial
from random import getrandbits
from typing import Any, Final

import aiohttp
from aiohttp import web

_QUEUES: Final = ("_messages", "_buffer")  # of HTTP messages: an empty deque takes 760 bytes
_EMPTY: Final[deque[Any]] = deque(maxlen=0)  # shared by all connections, so it keeps nothing
_ANSWERED: Final = frozenset({"_closed", "_connection"})
_KNOWN: Final = frozenset({"_current_request", "_force_close", "_manager", "_task_handler"})
_key: Final = partial(getrandbits, 32)
_COMPRESSING: Final[set["asyncio.Task[None]"]] = set()  # shared as well: nothing is compressed


def forget_request(request: web.Request, response: web.WebSocketResponse[bool]) -> None:
    """`response` has answered `request`, and its socket is open."""
    _forget_http(request.protocol)
    _share_what_writes(response)
    response.headers.clear()


def leave_handler(request: web.Request, response: web.WebSocketResponse[bool]) -> bool:
    """The handler of `request` is about to return, and `response`, which was forgotten above, stays open: who called
    this closes its transport.

    Otherwise two tasks of aiohttp's wait until the call ends, in ten coroutines, with the request and its headers: 5
    KB. False: aiohttp has changed, or the connection is lost. Then nothing was done, and aiohttp closes the socket.
    """
    protocol: Any = request.protocol
    transport, handling = protocol.transport, getattr(protocol, "_task_handler", None)
    if transport is None or handling is None or not _KNOWN.issubset(dir(protocol)) or not hasattr(response, "_req"):
        return False
    _set(response, _req=_Opened(protocol, transport), _eof_sent=True)
    protocol.transport = None  # aiohttp closes what it finds here when its handler has returned
    handling.add_done_callback(partial(_give_back, protocol, transport))
    return True


class _Opened:
    """What aiohttp asks of a request while its socket is open."""

    __slots__ = ("_protocol", "transport")

    def __init__(self, protocol: Any, transport: asyncio.Transport) -> None:
        self._protocol = protocol
        self.transport = transport


def _give_back(protocol: Any, transport: asyncio.Transport, _: object) -> None:
    """aiohttp pauses reading by it."""
    if protocol._force_close:  # meanwhile
        transport.close()
    elif protocol._manager is not None:  # the connection was not lost meanwhile
        protocol.transport = transport


def forget_response(ws: "aiohttp.ClientWebSocketResponse[bool]") -> None:
    """We opened `ws`, and its handshake was checked."""
    _share_what_writes(ws)
    response = getattr(ws, "_response", None)
    if response is None:
        return
    connection = response.connection
    _forget_http(getattr(connection, "protocol", None))
    if connection is not None and _ANSWERED.issubset(dir(response)):
        _set(ws, _response=_Answered(connection))
        _set(response, _connection=None, _closed=True)  # with it, it would be given back as the response is freed


class _Answered:
    """What aiohttp asks of a response while its socket is open: 700 bytes less."""

    __slots__ = ("connection",)

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def close(self) -> None:
        """Of the connection."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


def _forget_http(protocol: asyncio.BaseProtocol | None) -> None:
    """The connection's parser and messages of HTTP: once it is upgraded nothing on it is HTTP."""
    if getattr(protocol, "_upgraded", False):
        _set(
            protocol, _parser=None, _cache={}, **{name: _EMPTY for name in _QUEUES if not getattr(protocol, name, True)}
        )


def _share_what_writes(ws: object) -> None:
    """Each writer has a source of masks and a set of tasks of its own."""
    writer = getattr(ws, "_writer", None)
    if writer is not None and not getattr(writer, "compress", True):
        _set(writer, get_random_bits=_key, _background_tasks=_COMPRESSING)


def _set(owner: object, **values: object) -> None:
    for name, value in values.items():
        if hasattr(owner, name):
            setattr(owner, name, value)
