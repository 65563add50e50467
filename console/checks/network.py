"""Requests of the doctor, and its words for their failures: never with an address, and so without tokens."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

LONGEST_BODY = 64 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def system_addresses(host: str) -> Sequence[str]:
    """The IP addresses of `host`, from the operating system. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def system_connect(host: str, port: int, tls: ssl.SSLContext | None) -> Streams:
    """A TCP connection, with TLS under the name of `host` if a context is given. Raises OSError."""
    return await asyncio.open_connection(host, port, ssl=tls)


@dataclass(frozen=True, slots=True)
class Network:
    """What an HTTP session does not show: addresses, handshakes. Tests pass their own name service and authorities."""

    addresses: Callable[[str], Awaitable[Sequence[str]]] = system_addresses
    connect: Callable[[str, int, ssl.SSLContext | None], Awaitable[Streams]] = system_connect
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """A new context a call, since what is offered in a handshake is set on the context."""


class NoAnswerError(Exception):
    """There was no HTTP answer; the text completes a sentence that has named the host.

    `unreached`: the origin if not even a connection was possible; else empty.
    """

    def __init__(self, text: str, unreached: str = "") -> None:
        self.unreached = unreached
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `body`: at most its first LONGEST_BODY bytes; `took_s`: until head and body were there."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    took_s: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether this is the right answer to a request without the right token."""
        return self.status in {401, 403}

    @property
    def redirects(self) -> str:
        """The host that the answer redirects to, empty if it is no redirect."""
        if self.status not in {301, 302, 303, 307, 308} or not (location := self.headers.get("Location", "")):
            return ""
        try:
            target = URL(location)
        except ValueError:
            return "somewhere else"
        return f"{target.scheme}://{target.host}" if target.host else "another path"


async def ask(
    session: aiohttp.ClientSession,
    url: URL,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    patience_s: float = 10.0,
) -> Answer:
    """One request; redirects are not followed, and the body of an upgraded connection is not read. Raises
    NoAnswerError.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(patience_s):
            async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
                content = b"" if response.status == 101 else await _beginning(response.content)
                took_s = loop.time() - began
                if response.status == 101:
                    response.close()
                return Answer(response.status, response.headers, content, took_s)
    except TimeoutError:
        raise NoAnswerError(f"gave no answer within {patience_s:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        unreached = str(url.origin()) if isinstance(error, aiohttp.ClientConnectorError) else ""
        raise NoAnswerError(trouble(error), unreached) from error


async def _beginning(body: aiohttp.StreamReader) -> bytes:
    content = b""
    while len(content) < LONGEST_BODY and (more := await body.read(LONGEST_BODY - len(content))):
        content += more
    return content


def trouble(error: Exception) -> str:
    """Why there was no answer, to complete a sentence: "relay.example.com does not resolve"."""
    match error:
        case TimeoutError():
            return "gave no answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return f"has a certificate that is refused: {error.certificate_error}"
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return "does not resolve"
        case aiohttp.ClientConnectorError():
            return f"can't be connected to: {_why(error.os_error)}"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | asyncio.IncompleteReadError():
            return "closed the connection without an answer"
        case aiohttp.InvalidURL():
            return "has no address that can be asked"
        case aiohttp.WSServerHandshakeError():
            return f"was refused ({error.status})"
        case aiohttp.ClientResponseError():
            return "answered something that is not HTTP/1.1"
        case OSError():
            return f"can't be reached: {_why(error)}"
        case _:
            return f"gave no answer: {type(error).__name__}"


def _why(error: OSError) -> str:
    """The system's words for it: asyncio's own contain the call and the address."""
    return os.strerror(error.errno).lower() if error.errno else (error.strerror or type(error).__name__)
