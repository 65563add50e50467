"""The line side of one stream: Exotel's socket with its codec."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Literal

from aiohttp import web
from aiohttp.http_websocket import WSMessageNoDecodeText

from relay.arrivals import Arrivals
from relay.at_once import DONE, failing
from relay.frames import write_at_once
from relay.line import exotel
from relay.line.start_and_end import close
from relay.logs import CallLog
from relay.websocket import BINARY, TEXT

# Sound in our buffers is heard late. The kernel's grow to megabytes, minutes of sound; with these limits a line that
# does not read is noticed after two or three seconds.
SEND_BUFFER: Final = 32 * 1024  # the kernel doubles it, for its own overhead
UNSENT_LIMIT: Final = 4 * 1024
_AT_ONCE: Final = 0.001  # a line sends a message every 20 ms: messages this close together have been waiting
_IN_A_ROW: Final = 5  # so many are handled before other calls have their turn: what comes in a turn of 100 ms

_Media: Final = exotel.Media  # what is Final is quicker to find in a compiled module

LineEvent = exotel.Connected | exotel.Start | exotel.Media | exotel.Dtmf | exotel.Mark | exotel.Clear | exotel.Stop


Hear = Callable[[exotel.Media], Awaitable[None]]
Echoed = Callable[[str], None]
"""Gets the name of a mark."""


class Line:
    """Receives events for the call, sends messages for the pacer (its only writer)."""

    def __init__(
        self,
        ws: "web.WebSocketResponse[Literal[False]]",
        transport: asyncio.Transport | None,
        arrivals: Arrivals | None = None,
    ) -> None:
        """`arrivals`: of `ws`, if its messages can be handled when they arrive."""
        # what a frame meets stands together, see Uplink
        self._loop = asyncio.get_running_loop()
        self.heard_from_at = self._loop.time()
        self._in_a_row = 0  # messages that were handled without a pause
        self.encoding = exotel.LineEncoding.PCM  # until `start` says otherwise
        self._hear: Hear | None = None
        self._rest: Awaitable[None] = DONE  # of the message that comes next, which was heard already
        self._ws = ws
        self._transport = transport
        self._arrivals = arrivals
        self._echoed: Echoed | None = None
        if transport is not None:
            _limit_buffers(transport)
        self._sending_since: float | None = None
        self.log = CallLog("", "")
        self.malformed = 0
        self.unknown_events = 0

    async def receive(self, hear: Hear | None = None, echoed: Echoed | None = None) -> LineEvent | None:
        """The next event that matters; None when the socket is gone. Others are counted, the first is logged.

        With `hear`, sound is not returned: `hear` gets it, when it arrives if nothing else is being handled. What it
        returns is awaited before anything that came later is handled. With `echoed` as well, echoes of marks are not
        returned either.
        """
        self._hear, self._echoed = hear, echoed
        while True:
            message = await self._next()
            if self._rest is not DONE:
                rest, self._rest = self._rest, DONE
                await rest
                continue
            now = self._loop.time()
            if self._enough(now):
                await asyncio.sleep(0)  # `receive` comes back without a pause: let the other calls run in between
                self._in_a_row = 0
            self._in_a_row += 1
            self.heard_from_at = now
            kind = message.type
            if kind is TEXT:
                event = exotel.decode(message.data, self.encoding)
                if isinstance(event, exotel.Media):
                    if hear is None:
                        return event
                    await hear(event)
                    continue
                if echoed is not None and isinstance(event, exotel.Mark):
                    echoed(event.name)
                    continue
            elif kind is BINARY:
                event = exotel.Malformed("expected text frames, got a binary one")
            else:
                return None
            if isinstance(event, exotel.Malformed):
                self.malformed += 1
                if self.malformed == 1:
                    self.log.happened("line_malformed", event.problem, level=logging.WARNING)
            elif isinstance(event, exotel.Unknown):
                self.unknown_events += 1
                if self.unknown_events == 1:
                    self.log.happened("line_unknown_event", f"ignored unknown event {event.event!r}")
            else:
                return event

    async def _next(self) -> WSMessageNoDecodeText:
        arrivals = self._arrivals
        if arrivals is None or self._hear is None:
            return await self._ws.receive()
        arrivals.watch(self._arrived)
        try:
            return await self._ws.receive()
        finally:
            arrivals.watch(None)

    def _arrived(self, text: bytes | bytearray) -> bool:
        """Called when a message arrives while `receive` waits for nothing else. False: it has to be received.

        Most are sound that the agent gets at once. An error is raised by `receive`.
        """
        now = self._loop.time()
        if self._enough(now):
            return False  # `receive` lets the other calls run in between
        event = exotel.decode(text, self.encoding)
        if type(event) is not _Media or self._hear is None:
            return isinstance(event, exotel.Mark) and self._mark_arrived(event, now)
        self._in_a_row += 1
        self.heard_from_at = now
        try:
            self._rest = self._hear(event)
        except Exception as error:  # noqa: BLE001 - it must not end in aiohttp's parser
            self._rest = failing(error)
        return self._rest is DONE

    def _mark_arrived(self, mark: exotel.Mark, now: float) -> bool:
        """As `_arrived`: what is left to be done after an echo is nothing, or an error."""
        if self._hear is None or self._echoed is None:
            return False
        self._in_a_row += 1
        self.heard_from_at = now
        try:
            self._echoed(mark.name)
        except Exception as error:  # noqa: BLE001 - it must not end in aiohttp's parser
            self._rest = failing(error)
            return False
        return True

    def _enough(self, now: float) -> bool:
        """Whether many messages have come together, and enough of them were handled for now.

        After a moment in which the core was full all lines have some. One in each turn of the loop took longer, by
        itself and because more came meanwhile.
        """
        if now - self.heard_from_at >= _AT_ONCE:
            self._in_a_row = 0
        return self._in_a_row >= _IN_A_ROW

    def write(self, message: bytes) -> bool:
        """Send one message at once. False: nothing was done, as it may have to wait; `send` sends it."""
        transport = self._transport
        return (
            transport is not None
            and not self._ws.closed
            and write_at_once(transport, message, TEXT, behind=UNSENT_LIMIT)
        )

    async def send(self, message: bytes) -> None:
        """Send one message. If the socket is gone it is dropped: `receive` reports that."""
        if self.write(message):
            return
        self._sending_since = self._loop.time()
        try:
            await self._ws.send_frame(message, TEXT)
        except ConnectionError:
            pass
        finally:
            self._sending_since = None

    def stalled_for(self, now: float) -> float:
        """Seconds that a send has waited for the line to read, 0.0 if none is waiting."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    @property
    def close_code(self) -> int | None:
        """How the socket was closed: 1006 without a handshake, which is normal after `stop` (exotel.md 1.5)."""
        return self._ws.close_code

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Hand the call over: once the socket is closed Exotel runs its next applet (exotel.md 1.9).

        `reason`: for the close frame, at most 120 bytes; Exotel ignores it.
        """
        self._hear = self._echoed = None
        await close(self._ws, self._transport, code, reason)


def _limit_buffers(transport: asyncio.Transport) -> None:
    with suppress(OSError, RuntimeError, ValueError):  # the connection is already gone: `receive` reports that
        transport.set_write_buffer_limits(high=UNSENT_LIMIT)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
