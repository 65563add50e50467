"""Just enough WebSocket for a load generator: none of a library's cost per message, so that one core carries 400 calls.

Both ends of it talk to aiohttp in the relay, which checks every rule that is left out here.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Iterator

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ZERO_KEY = bytes(4)  # costs the reader the same as any other key, and the writer nothing


def frame(payload: bytes, opcode: int = TEXT, *, masked: bool = False) -> bytes:
    """One whole message; `masked` as a client has to."""
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, bit | 126)) + size.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, bit | 127)) + size.to_bytes(8)
    return b"%b%b%b" % (head, _ZERO_KEY if masked else b"", payload)


class FrameReader:
    """Bytes as they arrive to (opcode, payload)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that are complete with `data`."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 2:
            masked, size, body = data[at + 1] & 0x80, data[at + 1] & 0x7F, at + 2
            if size > 125:
                width = 2 if size == 126 else 8
                size, body = int.from_bytes(data[body : body + width]), body + width
            key = data[body : body + 4] if masked else b""
            body += 4 if masked else 0
            if body > end or body + size > end:  # a torn head reads as nonsense, but never as a message that fits
                break
            if not data[at] & 0x80:
                raise ValueError("expected whole messages, got a fragment")
            payload = data[body : body + size]
            yield data[at] & 0x0F, _unmask(payload, key) if masked else payload
            at = body + size
        self._rest = data[at:]


def _unmask(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)


class Peer(asyncio.Protocol):
    """One end of a socket: upgrade, messages, close."""

    masks = False

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()
        self._head = b""
        self._reader: FrameReader | None = None

    def opened(self) -> None:
        """The upgrade is done."""

    def received(self, text: bytes) -> None:
        """A message came."""

    def received_binary(self, data: bytes) -> None:
        """A binary message came."""

    def upgrade(self, head: bytes) -> bool:
        """Answer or check the other side's HTTP head; False refuses."""
        raise NotImplementedError

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        """One message."""
        if self.transport is not None:
            self.transport.write(frame(payload, opcode, masked=self.masks))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if not self.upgrade(head):
                self.transport.abort()
                return
            self._reader = FrameReader()
            self.opened()
        for opcode, payload in self._reader.feed(data):
            if opcode == TEXT:
                self.received(payload)
            elif opcode == BINARY:
                self.received_binary(payload)
            elif opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                self.send(payload, CLOSE)
                self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(None)


class ClientPeer(Peer):
    """The end that asks for the upgrade."""

    masks = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def upgrade(self, head: bytes) -> bool:
        return head.startswith(b"HTTP/1.1 101")


class ServerPeer(Peer):
    """The end that is asked."""

    def upgrade(self, head: bytes) -> bool:
        fields = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
        headers = {name.lower(): value for name, _, value in fields}
        if b"sec-websocket-key" not in headers:
            return False
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + _ACCEPT_SALT).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        return True
