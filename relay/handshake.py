"""Drops what aiohttp keeps of a handshake while the socket is open: 5 KB of a call.

The names are aiohttp's own, and private. One that it no longer has is left out: then the memory is not freed, which
tests/unit/relay/test_handshake.py notices, and nothing else changes.
"""

import asyncio
from collections import deque
from typing import Any, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

_QUEUES: Final = ("_messages", "_buffer")  # of HTTP messages: an empty deque takes 760 bytes
_EMPTY: Final[deque[Any]] = deque(maxlen=0)  # shared by all connections, so it keeps nothing
_NO_HEADERS: Final[CIMultiDictProxy[str]] = CIMultiDictProxy(CIMultiDict())


def forget_request(request: web.Request, response: web.WebSocketResponse[bool]) -> None:
    """`response` has answered `request`, and its socket is open."""
    _forget_http(request.protocol)
    response.headers.clear()


def forget_response(ws: "aiohttp.ClientWebSocketResponse[bool]") -> None:
    """We opened `ws`, and its handshake was checked."""
    response = getattr(ws, "_response", None)
    if response is None:
        return
    _forget_http(getattr(response.connection, "protocol", None))
    _set(response, _raw_headers=(), _headers=_NO_HEADERS, _request_info=None, _cache={})


def _forget_http(protocol: asyncio.BaseProtocol | None) -> None:
    """The connection's parser and messages of HTTP: once it is upgraded nothing on it is HTTP."""
    if getattr(protocol, "_upgraded", False):
        _set(protocol, _parser=None, **{name: _EMPTY for name in _QUEUES if not getattr(protocol, name, True)})


def _set(owner: object, **values: object) -> None:
    for name, value in values.items():
        if hasattr(owner, name):
            setattr(owner, name, value)
