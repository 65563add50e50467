"""Messages of a WebSocket that are handled in the moment in which they arrive.

aiohttp puts each message into a queue, sets a future, and the task that reads wakes up later in the same turn of the
loop. Where that task waits for nothing else, its handler is called instead, right out of the parser.
"""

import asyncio
import sys
from contextlib import suppress
from operator import attrgetter
from typing import Any, Final, Literal

from aiohttp import WSCloseCode, web
from aiohttp.http import WebSocketReader, WebSocketWriter
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from relay.short_way import ShortWay, Take, Waiting
from relay.websocket import BINARY, TEXT, OutgoingSocket

WebSocketDataQueue: Any
try:  # it has no public name
    from aiohttp._websocket.reader import WebSocketDataQueue
except ImportError:
    WebSocketDataQueue = object
_AIOHTTP: Final[Any] = sys.modules[WebSocketDataQueue.__module__]


class Queued(list[Any]):
    """In place of a deque, which takes 760 bytes when it is empty, as it nearly always is."""

    __slots__ = ()

    def popleft(self) -> Any:
        """The oldest."""
        return self.pop(0)


class Arrivals(WebSocketDataQueue):  # type: ignore[misc]  # the class is Any, because it may be missing
    """aiohttp's queue of a socket's messages, with a way past it."""

    __slots__ = ("waiting",)

    def __init__(self, protocol: Any, limit: int, *, loop: asyncio.AbstractEventLoop) -> None:
        usual = getattr(_AIOHTTP, "deque", None)  # it keeps the methods of what it makes, where nobody can replace them
        if usual is not None:
            _AIOHTTP.deque = Queued
        try:
            super().__init__(protocol, limit, loop=loop)
        finally:
            if usual is not None:
                _AIOHTTP.deque = usual
        self.waiting = Waiting()

    def watch(self, take: Take | None, *, binary: Take | None = None) -> None:
        """Just before reading: until something is queued, `take` gets each text message when it arrives, and `binary`
        each binary one. They must not raise. None: no longer; without `binary` those are queued.

        If one returns False, that message and all that follow are queued. So nothing is overtaken, and neither is
        called while a message is being handled.
        """
        waiting = self.waiting
        waiting.take, waiting.binary = (None, None) if self._size or self.is_eof() else (take, binary)

    def feed_data(self, data: tuple[Any, Any, Any], size: int) -> None:
        """Called by aiohttp's parser."""
        waiting = self.waiting
        if waiting.take is not None:
            kind, content, _ = data
            if kind is TEXT:
                if waiting.take(content):
                    return
            elif kind is BINARY and waiting.binary is not None and waiting.binary(content):
                return
            waiting.take = waiting.binary = None
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Called by aiohttp's parser: nothing more is a message."""
        self.waiting.take = self.waiting.binary = None
        super().set_exception(exc, *cause)


_closed: Any = web.WebSocketResponse.closed
if hasattr(web.WebSocketResponse(), "_closed"):  # aiohttp's own name
    _closed = property(attrgetter("_closed"))


class IncomingSocket(web.WebSocketResponse[Literal[False]]):
    """aiohttp's, with `decode_text=False`."""

    closed: Any = _closed
    """As aiohttp's, without a step of Python's: it is asked for with each frame."""
    arrivals: Arrivals | None = None
    """None: its messages can only be received, because something arrived before the upgrade, or aiohttp has changed."""

    def _post_start(self, request: BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        untouched = getattr(request.protocol, "_message_tail", None) == b""  # otherwise it is in aiohttp's parser soon
        super()._post_start(request, protocol, writer)
        if untouched:
            with suppress(AttributeError, TypeError):  # aiohttp's inside has changed
                self._watch(request.protocol)

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """aiohttp keeps the error of a connection that was lost, whose frames hold this socket."""
        try:
            return await super().close(code=code, message=message, drain=drain)
        finally:
            self._exception = None

    def _watch(self, connection: RequestHandler) -> None:
        """Another queue and parser in place of aiohttp's, which were made a moment ago."""
        queue, parser, loop = self._reader, self._parser, asyncio.get_running_loop()
        if queue is None or parser is None or connection._payload_parser is not parser:
            return
        arrivals = Arrivals(connection, queue._limit // 2, loop=loop)
        parser = WebSocketReader(arrivals, self._max_msg_size, bool(self._compress), self._decode_text)
        self.arrivals = self._reader = arrivals
        self._parser = connection._payload_parser = parser
        transport: Any = connection.transport  # a ShortWay has a protocol's methods, but can't inherit from one
        if transport is not None and connection._data_received_cb is None:
            arrivals.waiting = short_way = ShortWay(connection)
            transport.set_protocol(short_way)


def arrivals_of(ws: OutgoingSocket, max_message: int) -> Arrivals | None:
    """Those of a socket that was opened a moment ago and has not been read yet, without compression and with
    `decode_text=False`. None: its messages can only be received, because something arrived with the handshake, or
    aiohttp has changed.
    """
    if not ws.untouched:
        return None
    with suppress(AttributeError, TypeError):  # aiohttp's inside has changed
        connection: Any = ws._conn and ws._conn.protocol
        queue = ws._reader
        if connection._payload_parser is not ws._parser or queue._size:
            return None
        arrivals = Arrivals(connection, queue._limit // 2, loop=asyncio.get_running_loop())
        parser = WebSocketReader(arrivals, max_message, compress=False, decode_text=False)
        connection._payload, connection._payload_parser = arrivals, parser
        ws._reader, ws._parser = arrivals, parser
        return arrivals
    return None
