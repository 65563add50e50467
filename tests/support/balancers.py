"""Things that stand in front of a relay and spoil calls: each passes bytes on, but for its vice."""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Balancer:
    """`answer`: what is said to a request (its head, lower case) instead of passing it on, "" to pass. `rewrite`: of a
    head that is passed on. Seconds: `delay_s` before an upgrade is passed on; `hold_s` that the answer's bytes are
    collected; `quiet_s` without a byte of the answer, and `life_s` altogether, after which the connection is cut.
    `greeting`: sent at once to whoever comes, and then it is over."""

    answer: Callable[[str], str] = lambda head: ""
    rewrite: Callable[[bytes], bytes] = lambda head: head
    delay_s: float = 0.0
    hold_s: float = 0.0
    quiet_s: float = math.inf
    life_s: float = math.inf
    alpn: tuple[str, ...] = ("http/1.1",)
    greeting: bytes = b""


def _to_upgrades(status: str, *headers: str) -> Callable[[str], str]:
    """An answer for the media socket's upgrade only."""
    lines = "".join(f"{header}\r\n" for header in (*headers, "content-length: 0", "connection: close"))
    return lambda head: f"HTTP/1.1 {status}\r\n{lines}\r\n" if "upgrade: websocket" in head else ""


def _without_upgrade(head: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith((b"upgrade:", b"connection:")))


GOOD = Balancer()
APP_RUNNER = Balancer(_to_upgrades("403 Forbidden", "server: envoy"))
REDIRECTS = Balancer(_to_upgrades("301 Moved Permanently", "location: https://www.example.com/media/elsewhere"))
FORBIDS = Balancer(_to_upgrades("403 Forbidden", "server: awselb/2.0"))
KNOWS_NO_PATH = Balancer(_to_upgrades("404 Not Found", "server: nginx"))
HAS_NO_RELAY = Balancer(_to_upgrades("502 Bad Gateway", "server: awselb/2.0"))
HAS_HAD_ENOUGH = Balancer(_to_upgrades("429 Too Many Requests", "server: cloudflare"))
ADMITS_BY_ITSELF = Balancer(
    _to_upgrades("101 Switching Protocols", "upgrade: websocket", "connection: upgrade", "sec-websocket-accept: x")
)
DROPS_UPGRADES = Balancer(rewrite=_without_upgrade)
SLOW = Balancer(delay_s=4.0)
STUCK = Balancer(delay_s=30.0)
BUFFERS = Balancer(hold_s=2.0)
IDLE_LIMIT = Balancer(quiet_s=60.0)
LIFE_LIMIT = Balancer(life_s=60.0)
NO_HTTP = Balancer(greeting=b"220 mail.example.com ESMTP\r\n")
# RFC 9113: an empty SETTINGS frame is what a server says first
HTTP2_ONLY = Balancer(alpn=("h2",), greeting=b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")


@asynccontextmanager
async def balanced(balancer: Balancer, port: int, relay_port: int, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """`balancer` listens on `port` and sends what it lets through to `relay_port`, both on the loopback interface."""
    tls.set_alpn_protocols(list(balancer.alpn))
    running: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve(balancer, relay_port, reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=tls)
    try:
        yield
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _serve(
    balancer: Balancer, relay_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    upstream = None
    try:
        with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            async with asyncio.timeout(None if balancer.life_s == math.inf else balancer.life_s):
                if balancer.greeting:
                    writer.write(balancer.greeting)
                    await writer.drain()
                    return
                head = await reader.readuntil(_HEAD_END)
                if answer := balancer.answer(head.decode("latin-1").lower()):
                    writer.write(answer.encode())
                    await writer.drain()
                    return
                if b"upgrade: websocket" in head.lower():
                    await asyncio.sleep(balancer.delay_s)
                back, upstream = await asyncio.open_connection("127.0.0.1", relay_port)
                upstream.write(balancer.rewrite(head))
                async with asyncio.TaskGroup() as both:
                    there = both.create_task(_there(reader, upstream))
                    await _back(balancer, back, writer)
                    there.cancel()
    finally:
        for one in filter(None, (writer, upstream)):
            one.transport.abort() if balancer.life_s != math.inf or balancer.quiet_s != math.inf else one.close()


async def _there(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def _back(balancer: Balancer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the relay has closed, or has been quiet for too long (TimeoutError)."""
    first = True
    while True:
        async with asyncio.timeout(None if balancer.quiet_s == math.inf else balancer.quiet_s):
            data = await reader.read(65_536)
        if not data:
            return
        if balancer.hold_s and not first:  # the answer's head is let through, or there would be no socket at all
            await asyncio.sleep(balancer.hold_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    data += await reader.read(1_000_000)
        first = False
        writer.write(data)
        await writer.drain()
