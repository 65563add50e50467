"""The recent sound of one side of a line, by time, so that two sides can be compared."""

from typing import Final

import numpy as np

from relay.audio import pcm

_AT_ONCE: Final = 8  # frames waiting to be written: together they cost little more than one


class LineTape:
    """The last `seconds` of a track. Times are seconds of the event loop's clock; unwritten parts are silence."""

    def __init__(self, rate_hz: int, seconds: float) -> None:
        self._rate_hz = rate_hz
        self._size = round(seconds * rate_hz)
        self._sound: pcm.Samples | None = None
        self._end = 0  # of what was written, in samples of the clock
        self._waiting: list[tuple[int, bytes]] = []

    def place(self, at: float) -> int:
        """The sample at that time."""
        return round(at * self._rate_hz)

    def write(self, sound: bytes, first: int) -> None:
        """`sound` (pcm) begins at sample `first`. The gap between the end so far and it is silence."""
        self._waiting.append((first, sound))
        if len(self._waiting) >= _AT_ONCE:
            self._lay_down()

    def _lay_down(self) -> None:
        """Write waiting frames, in contiguous runs."""
        waiting, self._waiting = self._waiting, []
        run: list[bytes] = []
        begin = end = 0
        for first, sound in waiting:
            if run and first != end:
                self._write(pcm.samples(b"".join(run)), begin)
                run = []
            if not run:
                begin = first
            run.append(sound)
            end = first + len(sound) // pcm.SAMPLE_BYTES
        if run:
            self._write(pcm.samples(b"".join(run)), begin)

    def _write(self, samples: pcm.Samples, first: int) -> None:
        samples, end = samples[-self._size :], first + len(samples)
        if end <= self._end - self._size:
            return
        if first > self._end:
            self._put(np.zeros(min(first - self._end, self._size), dtype=np.int16), first)
        self._put(samples, end)
        self._end = max(self._end, end)

    def cut(self, at: int) -> None:
        """Nothing was played from sample `at` on."""
        self._lay_down()
        if at < self._end and self._sound is not None:
            self._put(np.zeros(min(self._end - at, self._size), dtype=np.int16), self._end)
        self._end = min(self._end, at)

    def read(self, first: int, count: int) -> pcm.Samples:
        """`count` samples from `first` on; silence if unknown."""
        self._lay_down()
        sound = np.zeros(count, dtype=np.int16)
        low, high = max(first, self._end - self._size), min(first + count, self._end)
        if low < high and self._sound is not None:
            # not np.take, which subtracts the size repeatedly: `low` counts from the start of the machine
            start, until = low % self._size, low - first
            head = min(high - low, self._size - start)
            sound[until : until + head] = self._sound[start : start + head]
            sound[until + head : high - first] = self._sound[: high - low - head]
        return sound

    def wipe(self) -> None:
        """Forget everything, to free its memory: nobody will read it."""
        self._sound = None
        self._waiting.clear()

    def _put(self, samples: pcm.Samples, end: int) -> None:
        if self._sound is None:
            self._sound = np.zeros(self._size, dtype=np.int16)
        start = (end - len(samples)) % self._size
        head = min(len(samples), self._size - start)
        self._sound[start : start + head] = samples[:head]
        self._sound[: len(samples) - head] = samples[head:]
