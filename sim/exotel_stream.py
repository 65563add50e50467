"""One media socket from Exotel's side: sends the caller's sound evenly, plays what comes back (exotel.md 1)."""

import asyncio
import math
from dataclasses import dataclass

import aiohttp
import numpy as np

from sim.caller import Caller
from sim.delayed_socket import DelayedSocket, Socket
from sim.echo import EchoPath, LineEcho
from sim.exotel_rules import MU_LAW, UNIT_BYTES, Clear, Mark, Media, Rule, RuleBook, law_of
from sim.exotel_spelling import Spelling, StreamStart, Writer
from sim.line_playout import LinePlayout
from sim.network import Network
from sim.sound import Pcm
from sim.timeline import Timeline

STOP_GRACE_S = 0.06
"""For this long after `stop` the relay may still send, because it could not have read `stop` yet."""


@dataclass(frozen=True, slots=True)
class LineRules:
    """Rules for the relay besides the fixed ones: smallest payload, and how far ahead of real time it may be."""

    min_payload_bytes: int = UNIT_BYTES
    max_ahead_s: float = 0.5
    echo_cleared: bool = True


@dataclass(frozen=True, slots=True)
class LineFaults:
    """Ways for the line to misbehave; seconds since the socket opened. `raw` are frames to send as they are.

    `lost`: spans of which no frame of the caller's arrives; their numbers and times are missing, too. `network`: what
    is between the line and the relay, and how quick the line's clock is. `echo`: the line sends back what it plays,
    mixed with what the caller says."""

    no_start: bool = False
    stop_before_start_s: float | None = None
    stop_reading_s: float | None = None
    stop_sending_s: float | None = None
    vanish_s: float | None = None
    raw: tuple[tuple[float, str | bytes], ...] = ()
    lost: tuple[tuple[float, float], ...] = ()
    network: Network | None = None
    echo: LineEcho | None = None


class Stream:
    """Run once over an open socket; its attributes say afterwards what happened. Times are seconds since `start`."""

    def __init__(
        self,
        start: StreamStart,
        caller: Caller,
        *,
        timeline: Timeline,
        spelling: Spelling,
        rules: LineRules,
        faults: LineFaults,
        max_s: float,
    ) -> None:
        self.start = start
        network = faults.network or Network()
        self._pace = 1 + network.drift_ppm / 1e6
        self._stop_grace_s = STOP_GRACE_S + 2 * network.usual_s
        self.playout = LinePlayout(start.rate_hz * self._pace, echo_cleared=rules.echo_cleared)
        self._echo_path = EchoPath(faults.echo, start.rate_hz) if faults.echo else None
        self._writer = Writer(start, spelling)
        self.book = RuleBook(start.stream_sid, min_payload_bytes=rules.min_payload_bytes, law=law_of(spelling.encoding))
        self.started_at = 0.0
        self.duration_s = 0.0
        self.ended_by = "nobody"
        self.close_code: int | None = None
        self.close_reason = ""
        self.said_lines: list[tuple[float, str]] = []
        self.clears: list[float] = []
        self.media_messages = 0
        self.ahead_max_s = 0.0
        self.late_max_s = 0.0
        self._due = math.inf  # when the caller's next frame is to be sent, on the loop's clock
        self._caller = caller
        self._rules = rules
        self._faults = faults
        self._max_s = max_s
        self._timeline = timeline
        self._said: list[Pcm | None] = []
        self._stopped_at: float | None = None
        self._heard_to = 0

    async def run(self, socket: Socket) -> None:
        """Returns when the call is over. The caller of this drops the connection: there is no close handshake."""
        if self._faults.network is None:
            return await self._run(socket)
        behind = DelayedSocket(socket, self._faults.network)
        try:
            await self._run(behind)
        finally:
            await behind.close()

    async def _run(self, socket: Socket | DelayedSocket) -> None:
        loop = asyncio.get_running_loop()
        self.started_at = loop.time()
        reading = asyncio.create_task(self._read(socket))
        sending = asyncio.create_task(self._send(socket))
        try:
            await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
            if self._stopped_at is not None:  # listen a moment longer, to catch a relay that talks on after `stop`
                await asyncio.wait((reading,), timeout=2 * self._stop_grace_s + self.late_max_s)
            elif self.ended_by == "nobody":
                await asyncio.wait((reading,), timeout=1.0)
                self._end("bot")
        finally:
            for task in (reading, sending):
                task.cancel()
            await asyncio.gather(reading, sending, return_exceptions=True)
        for task in (reading, sending):
            if not task.cancelled() and (error := task.exception()):
                raise error

    def said(self) -> Pcm:
        """The caller's track, as sent."""
        silence = np.zeros(self.start.frame_samples, np.int16)
        frames = [silence if frame is None else frame for frame in self._said]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    async def _send(self, socket: Socket | DelayedSocket) -> None:
        """The caller's side, one frame after another on an absolute clock."""
        try:
            if await self._begin(socket):
                await self._frames(socket)
        except (aiohttp.ClientError, ConnectionError):
            return  # the relay is gone: the reader will find out how
        finally:
            self._due = math.inf

    async def _begin(self, socket: Socket | DelayedSocket) -> bool:
        loop = asyncio.get_running_loop()
        await socket.send_str(self._writer.text({"event": "connected"}))
        if self._faults.stop_before_start_s is not None:
            await asyncio.sleep(self._faults.stop_before_start_s)
            await self._hang_up(socket, "canceled or call ended")
            return False
        if self._faults.no_start:
            await asyncio.sleep(self._max_s)
            self._end("fault")
            return False
        await socket.send_str(self._writer.start())
        self.started_at = loop.time()
        self._timeline.note("line", "start", self.start.call_sid)
        return True

    async def _frames(self, socket: Socket | DelayedSocket) -> None:
        loop = asyncio.get_running_loop()
        faults = self._faults
        size, frame_s = self.start.frame_samples, self.start.frame_ms / 1000 / self._pace
        raw = sorted(faults.raw, key=lambda item: item[0], reverse=True)
        count = 0
        while True:
            # A frame can be sent once it was spoken: the first one, one frame after `start`.
            count += 1
            self._due = due = self.started_at + count * frame_s
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            self._note_lateness(loop.time())
            now_s = count * frame_s
            for echo in self.playout.due(now_s):
                await socket.send_str(self._writer.text({"event": "mark", "mark": {"name": echo.name}}))
            while raw and raw[-1][0] <= now_s:
                frame = raw.pop()[1]
                await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
            if faults.vanish_s is not None and now_s >= faults.vanish_s:
                return self._end("fault")
            doing = self._caller.frame(now_s * 1000 - self.start.frame_ms, self._newly_heard(count * size), size)
            if doing.begins:
                self.said_lines.append((now_s - frame_s, doing.begins))
                self._timeline.note("line", "says", doing.begins)
            self._said.append(doing.pcm)
            message = self._writer.media(count, self._with_echo(doing.pcm, count))
            lost = any(first <= now_s - frame_s / 2 < last for first, last in faults.lost)
            if not lost and (faults.stop_sending_s is None or now_s < faults.stop_sending_s):
                await socket.send_str(message)
            for digit in doing.digits:
                self._timeline.note("line", "presses", digit)
                await socket.send_str(self._writer.dtmf(digit))
            if doing.hang_up or now_s >= self._max_s:
                return await self._hang_up(socket, "callended")

    def _with_echo(self, said: Pcm | None, count: int) -> Pcm | None:
        """What the line sends in frame `count` (from 1), in which the caller says `said`."""
        path = self._echo_path
        if path is None:
            return said
        size, end_s = self.start.frame_samples, count * self.start.frame_ms / 1000
        end = round((end_s - path.echo.delay_s(end_s)) * self.start.rate_hz)
        sent = path.back(self.playout.between(end - size - path.memory, end)) + (0 if said is None else said)
        pcm = np.clip(np.rint(sent), -32768, 32767).astype(np.int16)
        return MU_LAW.decoded(MU_LAW.encoded(pcm)) if path.echo.g711 else pcm

    async def _hang_up(self, socket: Socket | DelayedSocket, reason: str) -> None:
        stop = {"call_sid": self.start.call_sid, "account_sid": self.start.account_sid, "reason": reason}
        await socket.send_str(self._writer.text({"event": "stop", "stop": stop}))
        self._stopped_at = asyncio.get_running_loop().time()
        self._end("caller")

    def _end(self, by: str) -> None:
        if self.ended_by == "nobody":
            self.ended_by = by
            self.duration_s = max(0.0, asyncio.get_running_loop().time() - self.started_at)
            self._timeline.note("line", "ended", by)

    async def _read(self, socket: Socket | DelayedSocket) -> None:
        loop = asyncio.get_running_loop()
        deaf_at = None if self._faults.stop_reading_s is None else loop.time() + self._faults.stop_reading_s
        while True:
            if deaf_at is not None and loop.time() >= deaf_at:
                await asyncio.sleep(self._max_s)
                continue
            message = await socket.receive()
            now = loop.time()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._act(now, message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.book.broken(now - self.started_at, Rule.BINARY_FRAME, f"{len(message.data)} bytes")
            elif message.type is not aiohttp.WSMsgType.CONTINUATION:
                self.close_code = socket.close_code
                self.close_reason = (message.extra or "") if message.type is aiohttp.WSMsgType.CLOSE else ""
                return self._end("bot")

    def _act(self, now: float, text: str) -> None:
        at_s = now - self.started_at
        self._note_lateness(now)  # behind a standstill, what came meanwhile is read before the next frame is sent
        wanted = self.book.read(at_s, text)
        if self._stopped_at is not None:
            # what came while we were late may have been sent in time
            if now - self._stopped_at > self._stop_grace_s + self.late_max_s:
                self.book.broken(at_s, Rule.AFTER_STOP, type(wanted).__name__.lower())
            return
        match wanted:
            case Media(pcm):
                self.media_messages += 1
                if self.media_messages == 1:
                    self._timeline.note("line", "first_sound")
                ahead_s = self.playout.media(at_s, pcm)
                self.ahead_max_s = max(self.ahead_max_s, ahead_s)
                limit_s = self._rules.max_ahead_s
                if ahead_s > limit_s + self.late_max_s:  # don't count our own delay as the relay's haste
                    self.book.broken(at_s, Rule.BURST, f"{ahead_s:.2f} s ahead of real time, at most {limit_s} s")
            case Mark(name):
                self.playout.mark(at_s, name)
            case Clear():
                dropped_s = self.playout.clear(at_s)
                self.clears.append(at_s)
                self._timeline.note("line", "clear", f"{dropped_s * 1000:.0f} ms dropped")

    def _note_lateness(self, now: float) -> None:
        self.late_max_s = max(self.late_max_s, now - self._due)

    def _newly_heard(self, until: int) -> Pcm:
        heard = self.playout.between(self._heard_to, until)
        self._heard_to = until
        return heard
