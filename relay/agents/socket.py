"""A WebSocket to a vendor: opened with clear errors, written to one whole message at a time, closed within bounds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import WSMsgType

from relay.agents.seam import AgentError
from relay.call.budget import Allowance

OPEN_TIMEOUT: Final = 4.0
CLOSE_TIMEOUT: Final = 2.0
# A vendor that vanished without a FIN: after so long a silence a WebSocket ping, and half as long for the answer. Nine
# seconds in all: with less, a network that stands still for five, as networks do, would cost the caller the agent.
HEARTBEAT: Final = 6.0
MAX_MESSAGE: Final = 16 * 1024 * 1024  # ElevenLabs' own SDK allows as much (elevenlabs.md A1.1)


@dataclass(frozen=True, slots=True)
class Closed:
    """The socket is gone. `code` 1006 stands for no close frame at all, 1005 for one without a code."""

    code: int
    reason: str

    def __str__(self) -> str:
        return f"{self.code} {self.reason}".strip()


class Binary(bytes):
    """A binary message, for vendors to whom it means something else than a text; both are bytes."""


class AgentSocket:
    """One open socket. Received text arrives as bytes, like binary: some vendors send their JSON either way."""

    def __init__(self, ws: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self._ws = ws
        self._loop = asyncio.get_running_loop()
        self._sending_since: float | None = None
        self._given_up = ""
        self._messages = Allowance("messages", per_s=500, burst=10_000)
        self._bytes = Allowance("bytes", per_s=1_000_000, burst=48_000_000)  # five minutes of 24 kHz are 20 MB as text

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, url: str, *, headers: Mapping[str, str] | None = None
    ) -> "AgentSocket":
        """Raises AgentError naming what the vendor or the network said; never the URL, which may hold a key."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                ws = await http.ws_connect(
                    url,
                    headers=headers,
                    heartbeat=HEARTBEAT,
                    max_msg_size=MAX_MESSAGE,
                    compress=0,
                    decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
                )
        except TimeoutError:
            raise AgentError("connect_timeout", f"no WebSocket within {OPEN_TIMEOUT:g} s") from None
        except aiohttp.ClientResponseError as error:  # of the handshake, or a redirect, which is not followed
            raise AgentError(f"http_{error.status}", f"upgrade answered with HTTP {error.status}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentError("unreachable", f"{type(error).__name__}: {_without_url(error)}") from None
        return cls(ws)

    async def send(self, message: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Send one message. What can't be sent any more is dropped: `receive` tells that the socket is gone."""
        self._sending_since = self._loop.time()
        try:
            await self._ws.send_frame(message, kind)
        except ConnectionError:
            pass
        finally:
            self._sending_since = None

    async def receive(self) -> bytes | Closed:
        """The next message. Raises FloodError for one too many, whatever is in it."""
        message = await self._ws.receive()
        if self._given_up:
            return Closed(1006, self._given_up)
        self._messages.take(self._loop.time())
        if isinstance(message.data, bytes | str):
            self._bytes.take(self._loop.time(), len(message.data))
        if message.type is WSMsgType.TEXT:
            data: bytes = message.data
            return data
        if message.type is WSMsgType.BINARY:
            return Binary(message.data)
        if message.type is WSMsgType.CLOSE:
            return Closed(message.data or 1005, message.extra or "")
        if message.type is WSMsgType.ERROR:
            return Closed(self._ws.close_code or 1006, f"{type(message.data).__name__}: {message.data}")
        return Closed(self._ws.close_code or 1006, "")

    def stalled_for(self, now: float) -> float:
        """Seconds for which a send has been waiting for the vendor to read, 0.0 when none is."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    @property
    def given_up(self) -> bool:
        """Whether we closed it because we took it for dead."""
        return bool(self._given_up)

    async def give_up(self, reason: str) -> None:
        """Close a socket that is taken for dead; `receive` then reports `reason` and not our own close."""
        self._given_up = reason
        await self.close()

    async def close(self) -> None:
        """Close with 1000, waiting CLOSE_TIMEOUT at most for the other side's answer."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT + 1):
                await self._ws.close()
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            pass  # gone is gone


def _without_url(error: Exception) -> str:
    """Errors of the client like to quote the URL, and a signed URL is a credential."""
    os_error = getattr(error, "os_error", None) or error
    return getattr(os_error, "strerror", None) or type(os_error).__name__
