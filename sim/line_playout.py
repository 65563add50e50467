"""What the caller hears: a model of the buffer between Exotel and the caller's ear.

Audio is a queue that plays in real time. A chunk starts when the one before it ends, or when it comes if the queue
is empty, so its place is known the moment it arrives and nothing has to tick: a hundred calls cost nothing. Times
are seconds since the stream began; places are samples since then.
"""

from dataclasses import dataclass

import numpy as np

from sim.sound import Pcm


@dataclass(frozen=True, slots=True)
class Gap:
    """The queue ran dry after sound had begun, until more came. `after_clear`: because it was emptied by a `clear`."""

    at_s: float
    length_s: float
    after_clear: bool


@dataclass(frozen=True, slots=True)
class MarkEcho:
    """A mark: when it was received, and when its echo is due, because the audio before it was played or cleared."""

    name: str
    received_s: float
    due_s: float
    cleared: bool


@dataclass(slots=True)
class _Chunk:
    start: int
    pcm: Pcm

    @property
    def end(self) -> int:
        return self.start + self.pcm.size


class LinePlayout:
    """One stream's queue. `echo_cleared`: whether marks of flushed audio come back (both were seen, exotel.md 1.6)."""

    def __init__(self, rate_hz: float, *, echo_cleared: bool = True) -> None:
        self.rate_hz = rate_hz
        self.gaps: list[Gap] = []
        self.echoes: list[MarkEcho] = []
        self._echo_cleared = echo_cleared
        self._chunks: list[_Chunk] = []
        self._waiting: list[MarkEcho] = []
        self._was_cleared = False

    @property
    def first_s(self) -> float | None:
        """When the caller heard anything at all for the first time."""
        return self._chunks[0].start / self.rate_hz if self._chunks else None

    def media(self, at_s: float, pcm: Pcm) -> float:
        """Queue `pcm`, which came at `at_s`. Returns how many seconds of sound are now waiting to be heard."""
        now = round(at_s * self.rate_hz)
        start = now
        if self._chunks:
            end = self._chunks[-1].end
            start = max(now, end)
            if now > end:
                self.gaps.append(Gap(end / self.rate_hz, (now - end) / self.rate_hz, self._was_cleared))
        self._was_cleared = False
        self._chunks.append(_Chunk(start, pcm))
        return (start + pcm.size - now) / self.rate_hz

    def mark(self, at_s: float, name: str) -> None:
        """A mark came: it will be due when all audio that came before it has been played."""
        end_s = self._chunks[-1].end / self.rate_hz if self._chunks else 0.0
        self._waiting.append(MarkEcho(name, at_s, max(at_s, end_s), cleared=False))

    def clear(self, at_s: float) -> float:
        """Drop what has not begun to play; the chunk in the air goes on to its end. Returns the seconds dropped."""
        now = round(at_s * self.rate_hz)
        dropped = 0
        while self._chunks and self._chunks[-1].start >= now:
            dropped += self._chunks.pop().pcm.size
        self._was_cleared = True
        end_s = self._chunks[-1].end / self.rate_hz if self._chunks else 0.0
        still_due = [mark for mark in self._waiting if mark.due_s <= end_s]
        if self._echo_cleared:
            flushed = [mark for mark in self._waiting if mark.due_s > end_s]
            still_due += [MarkEcho(mark.name, mark.received_s, at_s, cleared=True) for mark in flushed]
        self._waiting = sorted(still_due, key=lambda mark: mark.due_s)
        return dropped / self.rate_hz

    def due(self, at_s: float) -> list[MarkEcho]:
        """The marks to echo by now, each once, in order."""
        count = 0
        while count < len(self._waiting) and self._waiting[count].due_s <= at_s:
            count += 1
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        self.echoes += ready
        return ready

    def between(self, first: int, last: int) -> Pcm:
        """The samples heard in [first, last): silence where nothing was queued. Quick for recent places."""
        heard = np.zeros(last - first, np.int16)
        for chunk in reversed(self._chunks):
            if chunk.end <= first:
                break
            start, end = max(first, chunk.start), min(last, chunk.end)
            if start < end:
                heard[start - first : end - first] = chunk.pcm[start - chunk.start : end - chunk.start]
        return heard

    def heard(self, until_s: float) -> Pcm:
        """Everything the caller heard up to `until_s`, from the stream's first moment on. What was still queued
        then is lost: closing the socket discards it (exotel.md 1.9)."""
        return self.between(0, round(until_s * self.rate_hz))
