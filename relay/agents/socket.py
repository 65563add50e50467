"""A WebSocket to a vendor: opens with clear errors, sends one whole message at a time, closes within a time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp
from aiohttp import WSMsgType

from relay.agents.budget import Allowance
from relay.agents.seam import AgentError
from relay.arrivals import Arrivals, arrivals_of
from relay.at_once import DONE, Later, failing
from relay.handshake import forget_response
from relay.websocket import BINARY, TEXT, OutgoingSocket

OPEN_TIMEOUT: Final = 4.0
CLOSE_TIMEOUT: Final = 2.0
# For a vendor that vanished without a FIN: after this long without data a WebSocket ping, and half as long for the
# answer. Nine seconds in total: with less, a network stall of five seconds, which does happen, would cost the agent.
HEARTBEAT: Final = 6.0
_AT_ONCE: Final = 4  # messages of one turn of the loop: an agent that sends more at once must not delay other calls
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
Hear = Callable[[bytes], Awaitable[None]]
"""Handles a message, as far as that needs no waiting, and returns the rest (relay.at_once)."""


class AgentSocket:
    """One open socket. Received text arrives as bytes, like binary: some vendors send their JSON either way."""

    def __init__(self, ws: "aiohttp.ClientWebSocketResponse[bool]", arrivals: Arrivals | None = None) -> None:
        """`arrivals`: of `ws`, if its messages can be handled when they arrive."""
        self._ws = ws
        self._arrivals = arrivals
        self._hear: Hear | None = None
        self._rest: Awaitable[None] = DONE  # of the message that comes next, which was handled already
        self._heard_at, self._heard = 0.0, 0  # messages of one turn of the loop
        self.writer = ws.writer if isinstance(ws, OutgoingSocket) else None
        """Writes what need not wait. None for the sockets of other sessions than the relay's own (outgoing.py)."""
        self._loop = asyncio.get_running_loop()
        self._sending_since: float | None = None
        self._given_up = ""
        self._messages = Allowance("messages", per_s=500, burst=10_000)
        self._bytes = Allowance("bytes", per_s=1_000_000, burst=48_000_000)  # five minutes of 24 kHz are 20 MB as text

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
        if self._rest is not DONE:
            rest, self._rest = self._rest, DONE
            await rest
            return HANDLED
        now = self._loop.time()
        if kind is TEXT or kind is BINARY:
            self._count(now, len(data))
            return data if kind is TEXT else Binary(data)
        self._messages.take(now)
        if kind is WSMsgType.CLOSE:
            return Closed(data or 1005, extra or "")
        if kind is WSMsgType.ERROR:
            return Closed(self._ws.close_code or 1006, f"{type(data).__name__}: {data}")
        return Closed(self._ws.close_code or 1006, "")

    def _watch(self, hear: Hear | None) -> None:
        self._hear = hear
        if self._arrivals is not None:
            self._arrivals.watch(self._text if hear else None, binary=self._binary if hear else None)

    def _text(self, message: bytes) -> bool:
        """Called when it arrives while `receive` waits for nothing else. False: it has to be received. `receive` raises
        what went wrong.
        """
        now = self._loop.time()
        self._heard, self._heard_at = self._heard + 1 if now == self._heard_at else 1, now
        if self._hear is None or self._heard > _AT_ONCE or self._given_up:
            return False
        try:
            self._count(now, len(message))
            self._rest = self._hear(message)
        except Exception as error:  # noqa: BLE001 - it must not end in aiohttp's parser
            self._rest = failing(error)
        return self._rest is DONE

    def _binary(self, message: bytes) -> bool:
        return self._text(Binary(message))

    def _count(self, now: float, size: int) -> None:
        self._messages.take(now)
        self._bytes.take(now, size)

    def stalled_for(self, now: float) -> float:
        """Seconds that a send has waited for the vendor to read, 0.0 if none is waiting."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    @property
    def given_up(self) -> bool:
        """Whether we closed it because it seemed dead."""
        return bool(self._given_up)

    async def give_up(self, reason: str) -> None:
        """Close a socket that seems dead; `receive` then reports `reason` and not our own close."""
        self._given_up = reason
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
