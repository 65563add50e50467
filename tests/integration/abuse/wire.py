"""A WebSocket client that may break every rule: frames are put together byte by byte and sent as they are."""

import asyncio
import base64
import json
import os
import struct
from dataclasses import dataclass
from typing import Self

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
CONNECTED = b'{"event":"connected"}'
PATIENCE_S = 20.0


def start(call_sid: str = "call", **more: object) -> bytes:
    """Exotel's `start`."""
    body = {"call_sid": call_sid, "stream_sid": f"s-{call_sid}", "from": "09876500001", "to": "08047100002", **more}
    return json.dumps({"event": "start", "stream_sid": f"s-{call_sid}", "start": body}).encode()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """One frame. `reserved`: the three reserved bits, 1 to 7; `length`: announced instead of the payload's own."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += bytes([mask_bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))


@dataclass
class Answer:
    """The head of an HTTP answer, and its body as far as Content-Length says."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Wire:
    """One TCP connection to the relay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.patience_s = PATIENCE_S

    @classmethod
    async def open(cls, url: str) -> Self:
        """`url` as in World.url; nothing is sent yet."""
        host, _, port = url.removeprefix("http://").partition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def request(self, head: str, body: bytes = b"") -> Answer:
        """Send `head` (lines without the empty one) and read the answer."""
        self.send(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        return await self.answer()

    async def answer(self) -> Answer:
        async with asyncio.timeout(self.patience_s):
            raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = raw.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(status.split()[1]), headers, body)

    async def upgrade(self, path: str = "/media", *more: str) -> Answer:
        """Ask for a WebSocket; `more` are further header lines."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1",
            "Host: relay",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *more,
        )
        return await self.request("\n".join(lines))

    async def next_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame. Raises IncompleteReadError when there is none any more."""
        async with asyncio.timeout(self.patience_s):
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "a server must not mask"
            assert not first & 0x70, "no extension was agreed on"
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def control(self) -> tuple[int, bytes]:
        """The next control frame; sound in between is passed over."""
        while True:
            opcode, payload = await self.next_frame()
            if opcode >= CLOSE:
                return opcode, payload

    async def close_code(self) -> int | None:
        """How the relay closes; None when it cuts the connection without a close frame."""
        try:
            while True:
                opcode, payload = await self.control()
                if opcode == CLOSE:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def cut(self) -> bool:
        """Wait for the end of the connection, bounded; whatever still comes is thrown away."""
        async with asyncio.timeout(self.patience_s * 2):
            try:
                while await self.reader.read(65_536):
                    pass
            except ConnectionError:
                pass
        return True
