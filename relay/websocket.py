"""WebSocket messages in fewer steps than aiohttp takes. What is on the wire, and what ends a socket, is up to it."""

from typing import Any, Final

import aiohttp
from aiohttp import WSCloseCode, WSMsgType
from aiohttp.http import WebSocketWriter

from relay.frames import MaskedWriter
from relay.line.ticker import Ticker

TEXT, BINARY = WSMsgType.TEXT, WSMsgType.BINARY  # a look-up in the enumeration takes six times as long as a name

_NOTED_EVERY: Final = 0.5  # seconds
_NO_TIMER: Final[Any] = object()


class OutgoingSocket(aiohttp.ClientWebSocketResponse[bool]):
    """aiohttp's, for `ClientSession(ws_response_class=partial(OutgoingSocket, ticker))`."""

    def __init__(self, ticker: Ticker, reader: Any, writer: WebSocketWriter, *args: Any, **kwargs: Any) -> None:
        self._ticker = ticker
        super().__init__(reader, writer, *args, **kwargs)
        self.writer = MaskedWriter(writer.transport)
        """Writes a message if nothing waits to be sent, until the socket is closed."""
        self._noted_at = 0.0

    @property
    def untouched(self) -> bool:
        """Whether nothing has arrived yet. Not an attribute: with one more, aiohttp's class takes 1.6 KB more."""
        return self._noted_at == 0.0

    def _set_closed(self) -> None:
        """aiohttp's connection holds `_on_data_received`, and so this socket, which holds the connection."""
        super()._set_closed()
        self.writer.closed = True
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
        now = self._loop.time()
        if now - self._noted_at >= _NOTED_EVERY:
            self._noted_at = now
            super()._on_data_received()

    def _reset_heartbeat(self) -> None:
        """Until the next ping aiohttp has a timer, which takes half a kilobyte: it is a moment of the ticker's."""
        beat: Any = self._heartbeat_cb
        if self._heartbeat is None or beat is not None:
            super()._reset_heartbeat()
            return
        self._heartbeat_cb = _NO_TIMER  # it sets none where it has one
        super()._reset_heartbeat()
        self._beat_later()

    def _beat_later(self) -> None:
        moment: Any = self._ticker.at(self._heartbeat_when, self)  # can be cancelled, as a timer can
        self._heartbeat_cb = moment

    def tick(self, when: float, now: float) -> None:
        """See Ticking: time for a ping, unless something has arrived in the meantime."""
        if now < self._heartbeat_when:
            self._beat_later()
        else:
            self._send_heartbeat()
