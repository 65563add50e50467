"""An agent's usual messages, from the transport to the function that takes them, past aiohttp's protocol and parser.

Those are whole messages in one frame each, which servers do not mask. One may come in several reads, and several in
one. aiohttp gets all else, as it comes.
"""

from collections.abc import Callable
from typing import Any, Final

from relay.frames import EIGHT_MORE, MASKED, TWO_MORE, WHOLE_TEXT
from relay.short_way import WHOLE_BINARY, ShortWay, Take

LARGEST: Final = 1024 * 1024  # bytes of a message that is put together here; any sound is less
_NOTED_EVERY: Final = 0.5  # seconds


class AgentWay(ShortWay):
    """As ShortWay, between a client's transport and aiohttp's ResponseHandler. `time`: the event loop's clock."""

    def __init__(self, connection: Any, time: Callable[[], float]) -> None:
        super().__init__(connection)
        self._time = time
        self._noted_at = 0.0
        self._parts: list[bytes] | None = None  # of a message that has begun
        self._missing = 0  # bytes of it

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        if self._parts is not None:
            self._note()
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data, self._parts = b"".join(self._parts), None
        at = 0
        if self.take is not None and not (self._owed or self._begun or self._lost):
            self._note()
            at = self._taken(data)
        if at < len(data):
            self._pass_on(data[at:] if at else data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport."""
        self._parts = None
        super().connection_lost(exc)

    def _note(self) -> None:
        """aiohttp puts off its next ping, as whenever it gets something."""
        now = self._time()
        if now - self._noted_at >= _NOTED_EVERY:
            self._noted_at = now
            put_off = getattr(self._protocol, "_data_received_cb", None)  # aiohttp's own name
            if put_off is not None:
                put_off()

    def _taken(self, data: bytes) -> int:
        """How many bytes need nobody else: whole messages that were taken, and the beginning of one, which is kept."""
        at, end = 0, len(data)
        while at + 2 <= end:
            take: Take | None = None
            if data[at] == WHOLE_TEXT:
                take = self.take
            elif data[at] == WHOLE_BINARY and self.take is not None:
                take = self.binary
            size = data[at + 1]
            if take is None or size & MASKED:
                break
            begins = at + 2
            if size == TWO_MORE:
                begins += 2
            elif size == EIGHT_MORE:
                begins += 8
            if begins - at > 2:
                size = int.from_bytes(data[at + 2 : begins], "big")  # of half a length: less
            if size > LARGEST:
                break
            after = begins + size
            if after > end:
                self._parts, self._missing = [data[at:]], after - end
                return end
            if not take(data[begins:after]):
                self.take = self.binary = None
                break
            at = after
        return at

    def _pass_on(self, data: bytes) -> None:
        if not self._lost:
            self._follow(data)
        self._protocol.data_received(data)
