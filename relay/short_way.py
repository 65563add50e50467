"""A line's usual message, from the transport to the function that takes it, past aiohttp's protocol and parser.

aiohttp gets all else, as it comes: what is not one whole text message in one frame, and what nobody takes.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

from relay.frames import EIGHT_MORE, MASKED, TWO_MORE, WHOLE_TEXT, mask

_WHOLE_BINARY: Final = 0x82
_PING: Final = 0x89
_PONG: Final = 0x8A
_SIZE: Final = 0x7F
_KEY: Final = 4
_HEAD: Final = 8  # bytes before a masked message of 126 to 65,535

Take = Callable[[bytes], bool]


class Waiting:
    """Who gets each message when it arrives: texts and binary ones. None: they are queued."""

    def __init__(self) -> None:
        self.take: Take | None = None
        self.binary: Take | None = None


class _Protocol(Protocol):
    """asyncio.Protocol, as far as it is asked for after `connection_made`."""

    def data_received(self, data: bytes, /) -> None: ...

    def eof_received(self) -> bool | None: ...

    def connection_lost(self, exc: BaseException | None, /) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


class ShortWay(Waiting):
    """Between a server's transport and the protocol that it had, which has received whole frames only."""

    def __init__(self, protocol: _Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._owed = 0  # bytes of the last frame that have not come yet
        self._begun = b""  # of a frame, too little to tell its length
        self._lost = mask is None  # it is not known where a message begins

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        if (
            self.take is not None
            and len(data) > _HEAD
            and data[0] == WHOLE_TEXT
            and data[1] == MASKED | TWO_MORE
            and (data[2] << 8 | data[3]) == len(data) - _HEAD
            and not self._owed
            and not self._begun
            and not self._lost
            and mask is not None
        ):
            message: Any = bytearray(data)  # as good as bytes to who reads it, and not copied once more
            mask(data[_HEAD - _KEY : _HEAD], message)  # its head as well, which is two keys long
            del message[:_HEAD]
            if self.take(message):
                return
            self.take = self.binary = None
        elif not self._lost:
            self._follow(data)
        self._protocol.data_received(data)

    def _follow(self, data: bytes) -> None:
        """Find out how much of the last frame in `data` is still to come."""
        if self._begun:
            data, self._begun = self._begun + data, b""
        at, end = self._owed, len(data)
        while at < end:
            if data[at] not in (WHOLE_TEXT, _WHOLE_BINARY, _PING, _PONG):
                self._lost = True  # a part of a message, a close, an error
                return
            if at + 1 == end:
                break
            size = data[at + 1] & _SIZE
            more = 2 if size == TWO_MORE else 8 if size == EIGHT_MORE else 0
            if at + 2 + more > end:
                break
            if more:
                size = int.from_bytes(data[at + 2 : at + 2 + more], "big")
            at += 2 + more + size + (_KEY if data[at + 1] & MASKED else 0)
        self._owed = max(at - end, 0)
        self._begun = data[at:]

    def eof_received(self) -> bool | None:
        """Called by the transport."""
        return self._protocol.eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport."""
        self.take = self.binary = None
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Called by the transport."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Called by the transport."""
        self._protocol.resume_writing()
