"""One call to a bot, in the role of a carrier: what the bot sends, when, and how it handles marks, `clear`, `stop`."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import numpy as np

from relay.agents.seam import CallInfo, Notice
from relay.agents.socket import AgentSocket, Binary, Closed
from relay.agents.telephony.dialect import Cleared, Dialect, MarkSet, Sound
from relay.agents.telephony.session import FRAMES_PER_SECOND
from relay.audio import pcm
from relay.audio.convert import AudioFormat, Encoding
from sim.speech import spoken

LOUD: Final = 200  # mean of the absolute samples
_PAUSE: Final = 0.7  # seconds without anything loud


@dataclass
class Seen:
    """What the bot did. Times in seconds since `start` was sent; None: never."""

    first_sound_s: float | None = None
    messages: int = 0
    sizes: Counter[int] = field(default_factory=Counter)
    ahead_max_s: float = 0.0
    wav_header: bool = False
    marks: int = 0
    clears: list[float] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    closed: Closed | None = None
    closed_s: float | None = None
    stopped_s: float | None = None
    after_stop: int = 0


class BotCall:
    """Use as a context: the caller is silent until told to speak. Sound from the bot plays in real time."""

    def __init__(self, socket: AgentSocket, dialect: Dialect) -> None:
        self.seen = Seen()
        self._socket = socket
        self._dialect = dialect
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._playing_until = self._began
        self._loud_until = 0.0
        self._marks: deque[tuple[float, str]] = deque()
        self._words = b""
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def begin(
        cls, http: aiohttp.ClientSession, url: str, dialect: Dialect, call: CallInfo, headers: dict[str, str]
    ) -> "BotCall":
        """Raises AgentError if the bot does not open."""
        socket = await AgentSocket.open(http, url, headers=headers)
        begun = cls(socket, dialect)
        for message in dialect.opening(call, call.custom_parameters):
            await socket.send(message)
        begun._tasks = [asyncio.create_task(begun._read()), asyncio.create_task(begun._speak())]
        return begun

    async def close(self) -> None:
        """Drop the connection without `stop`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    # --- actions of the caller ---

    def say(self, line: str) -> float:
        """Speak a line of the demo's caller; its length in seconds."""
        sound = spoken(line, self._dialect.audio.rate_hz)
        self._words += _encoded(sound, self._dialect.audio)
        return sound.size / self._dialect.audio.rate_hz

    async def press(self, key: str) -> None:
        """Press a key."""
        await self._socket.send(self._dialect.digit(key))

    async def stop(self) -> None:
        """Hang up, with `stop`, like the carrier."""
        self.seen.stopped_s = self.now
        self._tasks[1].cancel()
        await self._socket.send(self._dialect.stop())

    # --- waiting ---

    @property
    def now(self) -> float:
        """Seconds since the call began."""
        return self._loop.time() - self._began

    def is_heard(self) -> bool:
        """Whether the caller is hearing the bot."""
        return self._loud_until > self._loop.time()

    async def heard(self, patience_s: float) -> bool:
        """Wait until the bot is heard; False if it is not within `patience_s`, or closes."""
        return await self._until(lambda: self.is_heard(), patience_s)

    async def quiet(self, patience_s: float) -> bool:
        """Wait until the bot has finished."""
        end = self._loop.time() + patience_s
        while (left := self._loud_until + _PAUSE - self._loop.time()) > 0 and self.seen.closed is None:
            if self._loop.time() >= end:
                return False
            await self._until(lambda: self.seen.closed is not None, min(left, end - self._loop.time()))
        return True

    async def cleared(self, patience_s: float) -> bool:
        """Wait until the bot has sent `clear`."""
        count = len(self.seen.clears)
        return await self._until(lambda: len(self.seen.clears) > count, patience_s)

    async def closed(self, patience_s: float) -> bool:
        """Wait until the bot has closed."""
        return await self._until(lambda: self.seen.closed is not None, patience_s)

    async def _until(self, holds: Callable[[], bool], patience_s: float) -> bool:
        try:
            async with asyncio.timeout(patience_s):
                while not holds() and self.seen.closed is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        return holds()

    # --- the socket ---

    async def _speak(self) -> None:
        """The caller's sound, 20 ms at a time; and echoes of marks when their sound has been played."""
        size = self._dialect.audio.bytes_per_second // FRAMES_PER_SECOND
        silence = _encoded(np.zeros(self._dialect.audio.rate_hz // FRAMES_PER_SECOND, np.int16), self._dialect.audio)
        due = self._loop.time()
        while True:
            frame, self._words = self._words[:size], self._words[size:]
            await self._socket.send(self._dialect.media(frame + silence[len(frame) :]))
            while self._marks and self._marks[0][0] <= self._loop.time():
                await self._socket.send(self._dialect.mark(self._marks.popleft()[1]))
            due += 1 / FRAMES_PER_SECOND
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    async def _read(self) -> None:
        while not isinstance(message := await self._socket.receive(), Closed):
            if self.seen.stopped_s is not None:
                self.seen.after_stop += 1
            if isinstance(message, Binary):
                self.seen.notices.append("a binary message: expected JSON as text")
            else:
                await self._react(message)
            self._changed.set()
        self.seen.closed, self.seen.closed_s = message, self.now
        self._changed.set()

    async def _react(self, message: bytes) -> None:
        match self._dialect.decode(message):
            case Sound(data):
                self._play(data)
            case MarkSet(name):
                self.seen.marks += 1
                self._marks.append((self._playing_until, name))
            case Cleared():
                self.seen.clears.append(self.now)
                self._playing_until = self._loud_until = self._loop.time()
                while self._marks:
                    await self._socket.send(self._dialect.mark(self._marks.popleft()[1]))
            case Notice() as notice:
                self.seen.notices.append(notice.text)

    def _play(self, data: bytes) -> None:
        seen, now, audio = self.seen, self._loop.time(), self._dialect.audio
        seen.messages += 1
        seen.sizes[len(data)] += 1
        seen.wav_header |= data[:4] == b"RIFF"
        self._playing_until = max(self._playing_until, now) + audio.duration_ms(len(data)) / 1000
        seen.ahead_max_s = max(seen.ahead_max_s, self._playing_until - now - audio.duration_ms(len(data)) / 1000)
        if _level(data, audio) >= LOUD:
            self._loud_until = self._playing_until
            if seen.first_sound_s is None:
                seen.first_sound_s = self.now


def _encoded(sound: pcm.Samples, audio: AudioFormat) -> bytes:
    return pcm.ulaw_encode(sound) if audio.encoding is Encoding.ULAW else sound.astype("<i2").tobytes()


def _level(data: bytes, audio: AudioFormat) -> float:
    sound = pcm.ulaw_decode(data) if audio.encoding is Encoding.ULAW else pcm.samples(data[: len(data) // 2 * 2])
    return float(np.abs(sound.astype(np.int32)).mean()) if sound.size else 0.0
