"""A WebSocket to a vendor: opens with clear errors, sends one whole message at a time, closes within a time limit."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp
from aiohttp import WSMsgType

from relay.agents.hearing import Hear as Hear
from relay.agents.hearing import Hearing
from relay.agents.seam import AgentError
from relay.arrivals import Arrivals, arrivals_of
from relay.at_once import DONE, Later
from relay.handshake import forget_response
from relay.websocket import BINARY, TEXT, OutgoingSocket

OPEN_TIMEOUT: Final = 4.0
CLOSE_TIMEOUT: Final = 2.0
# For a vendor that vanished without a FIN: after this long without data a WebSocket ping, and half as long for the
# answer. Nine seconds in total: with less, a network stall of five seconds, which does happen, would cost the agent.
HEARTBEAT: Final = 6.0
MAX_MESSAGE: Final = 16 * 1024 * 1024  # the limit of ElevenLabs' own SDK (elevenlabs.md A1.1)


@dataclass(frozen=True, slots=True)
class Closed:
    """The socket is gone. `code` 1006: there was no close frame, 1005: the frame had no code."""

    code: int
    reason: str

    def __str__(self) -> str:
        return f"{self.code} {self.reason}".strip()


class Binary(bytes):
    """A binary message, for vendors that distinguish it from text; both are bytes."""


HANDLED: Final = Binary(b"handled")
"""Returned in place of a message that was heard, and whose rest is done now. Compare with `is`."""


class AgentSocket:
    """One open socket. Received text arrives as bytes, like binary: some vendors send their JSON either way."""

    def __init__(self, ws: "aiohttp.ClientWebSocketResponse[bool]", arrivals: Arrivals | None = None) -> None:
        """`arrivals`: of `ws`, if its messages can be handled when they arrive."""
        self._ws = ws
        self._arrivals = arrivals
        self.writer = ws.writer if isinstance(ws, OutgoingSocket) else None
        """Writes what need not wait. None for the sockets of other sessions than the relay's own (outgoing.py)."""
        self._loop = asyncio.get_running_loop()
        self._hearing = Hearing(self._loop.time)
        self._sending_since: float | None = None
        self._given_up = ""

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, url: str, *, headers: Mapping[str, str] | None = None
    ) -> "AgentSocket":
        """Raises AgentError with the vendor's or the network's error; never the URL, which may contain a key."""
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
        except aiohttp.ClientResponseError as error:  # the handshake failed, or was redirected, which is not followed
            raise AgentError(f"http_{error.status}", f"upgrade answered with HTTP {error.status}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentError("unreachable", f"{type(error).__name__}: {_without_url(error)}") from None
        forget_response(ws)
        return cls(ws, arrivals_of(ws, MAX_MESSAGE) if isinstance(ws, OutgoingSocket) else None)

    def send(self, message: bytes, kind: WSMsgType = TEXT) -> Awaitable[None]:
        """Send one message; await what it returns. If the socket is gone it is dropped: `receive` reports that."""
        if self.writer is not None and self.writer.write(message, kind):
            return DONE
        return Later(partial(self._send, message, kind))

    async def _send(self, message: bytes, kind: WSMsgType) -> None:
        self._sending_since = self._loop.time()
        try:
            await self._ws.send_frame(message, kind)
        except ConnectionError:
            pass
        finally:
            self._sending_since = None

    async def receive(self, hear: Hear | None = None) -> bytes | Closed:
        """The next message. Raises FloodError if there are too many, whatever they contain.

        With `hear`, messages that arrive while nothing else is being handled are not returned: `hear` gets them when
        they arrive, and what it returns is awaited before anything that came later is handled. After that HANDLED
        is returned: what was done may change how long the next one is waited for.
        """
        self._watch(hear)
        try:
            kind, data, extra = await self._ws.receive()
        finally:
            self._watch(None)
        if self._given_up:
            return Closed(1006, self._given_up)
        if (rest := self._hearing.rest) is not DONE:
            self._hearing.rest = DONE
            await rest
            return HANDLED
        now = self._loop.time()
        if kind is TEXT or kind is BINARY:
            self._hearing.count(now, len(data))
            return data if kind is TEXT else Binary(data)
        self._hearing.count(now, 0)
        if kind is WSMsgType.CLOSE:
            return Closed(data or 1005, extra or "")
        if kind is WSMsgType.ERROR:
            return Closed(self._ws.close_code or 1006, f"{type(data).__name__}: {data}")
        return Closed(self._ws.close_code or 1006, "")

    def _watch(self, hear: Hear | None) -> None:
        self._hearing.hear = hear
        if self._arrivals is not None:
            self._arrivals.watch(self._hearing.message if hear else None, binary=self._binary if hear else None)

    def _binary(self, message: bytes) -> bool:
        return self._hearing.message(Binary(message))

    def stalled_for(self, now: float) -> float:
        """Seconds that a send has waited for the vendor to read, 0.0 if none is waiting."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    @property
    def given_up(self) -> bool:
        """Whether we closed it because it seemed dead."""
        return bool(self._given_up)

    async def give_up(self, reason: str) -> None:
        """Close a socket that seems dead; `receive` then reports `reason` and not our own close."""
        self._given_up, self._hearing.over = reason, True
        await self.close()

    async def close(self) -> None:
        """Close with 1000, waiting at most CLOSE_TIMEOUT for the answer."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT + 1):
                await self._ws.close()
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            pass  # already gone


def _without_url(error: Exception) -> str:
    """The client's errors like to quote the URL, and a signed URL is a credential."""
    os_error = getattr(error, "os_error", None) or error
    return getattr(os_error, "strerror", None) or type(os_error).__name__
