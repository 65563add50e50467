"""One call: AgentStream to the relay, through the fake Exotel's own `Stream`, with a person on the phone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from console.softphone import sentences
from console.softphone.address import Address
from console.softphone.handset import FRAME_MS, Beat, Handset
from console.softphone.line import LineEvent, WatchedPlayout
from sim.exotel import HANDSHAKE_S, new_sid
from sim.exotel_rules import Violation
from sim.exotel_spelling import Spelling, StreamStart
from sim.exotel_stream import LineFaults, LineRules, Stream
from sim.speech import write_wav
from sim.timeline import Timeline

MAX_CALL_S = 3600.0  # Exotel's cap on a stream (exotel.md 1.10)


class NotConnectedError(Exception):
    """The media socket could not be opened; the text is for the person who called."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. `by`: caller, bot or dropped. `close_code`, `close_reason`: the relay's, if it closed."""

    by: str
    close_code: int | None
    duration_s: float
    close_reason: str = ""


class PhoneCall:
    """One call. `on_beat` is called with each frame, `on_line` with events of the line; both must return quickly."""

    def __init__(
        self,
        address: Address,
        rate_hz: int,
        *,
        from_: str,
        to: str,
        on_beat: Callable[[Beat], None],
        on_line: Callable[[LineEvent], None],
    ) -> None:
        self.call_sid = new_sid()
        self.rate_hz = rate_hz
        self.handset = Handset(rate_hz, self._beat)
        self.playout = WatchedPlayout(rate_hz, on_line)
        self._address = address
        self._on_beat = on_beat
        self._ended_s = 0.0
        self._dropped = asyncio.Event()
        parameters = address.parameters
        start = StreamStart(new_sid(), self.call_sid, "softphone", from_, to, rate_hz, parameters, FRAME_MS)
        self._stream = Stream(
            start,
            self.handset,
            spelling=Spelling(),
            rules=LineRules(),
            faults=LineFaults(),
            max_s=MAX_CALL_S,
            timeline=Timeline(),
        )
        self._stream.playout = self.playout

    @property
    def violations(self) -> list[Violation]:
        """Exotel's rules that the relay has broken so far."""
        return self._stream.book.violations

    def drop(self) -> None:
        """Drop the TCP connection without `stop` and without a close frame: the relay has to notice."""
        self._dropped.set()

    async def run(self, on_connected: Callable[[], None]) -> Ended:
        """From the handshake to the end. Raises NotConnectedError."""
        connector = aiohttp.TCPConnector()
        async with aiohttp.ClientSession(connector=connector) as session:
            socket = await self._opened(session)
            on_connected()
            running = asyncio.create_task(self._stream.run(socket))
            dropping = asyncio.create_task(self._dropped.wait())
            try:
                await asyncio.wait((running, dropping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (running, dropping):
                    task.cancel()
                await asyncio.gather(running, dropping, return_exceptions=True)
                await connector.close()  # cuts the connection; Exotel sends no close frame either (exotel.md 1.5)
                await socket.close()
        if self._dropped.is_set():
            return Ended("dropped", None, self._ended_s)
        await running  # raise errors in our code
        return Ended(self._stream.ended_by, self._stream.close_code, self._ended_s, self._stream.close_reason)

    def save(self, path: Path) -> None:
        """The call as WAV, as the line carried it: left what the caller said, right what the caller heard."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, self.rate_hz, self._stream.said(), self.playout.heard(self._ended_s))

    async def _opened(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse[bool]:
        url = self._address.url
        headers = {"Authorization": aiohttp.encode_basic_auth(url.user, url.password or "")} if url.user else {}
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                return await session.ws_connect(url.with_user(None), headers=headers, max_msg_size=0)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NotConnectedError(sentences.no_connection(error, url)) from error

    def _beat(self, beat: Beat) -> None:
        self._ended_s = beat.at_ms / 1000
        self._on_beat(beat)
