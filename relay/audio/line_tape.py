"""What one side of a line sounded like lately, by time: so that two sides can be laid side by side."""

import numpy as np

from relay.audio import pcm


class LineTape:
    """The last `seconds` of a track. Times are seconds of the event loop's clock; what nobody wrote is silence."""

    def __init__(self, rate_hz: int, seconds: float) -> None:
        self._rate_hz = rate_hz
        self._size = round(seconds * rate_hz)
        self._sound = np.zeros(self._size, dtype=np.int16)
        self._end = 0  # of what was written, in samples of the clock

    def place(self, at: float) -> int:
        """The sample of the clock at that time."""
        return round(at * self._rate_hz)

    def write(self, sound: bytes, first: int) -> None:
        """`sound` (pcm) begins at sample `first`. What lies between it and the end so far was silence."""
        samples = pcm.samples(sound)[-self._size :]
        end = first + len(samples)
        if end <= self._end - self._size:
            return
        if first > self._end:
            self._put(np.zeros(min(first - self._end, self._size), dtype=np.int16), first)
        self._put(samples, end)
        self._end = max(self._end, end)

    def cut(self, at: int) -> None:
        """From sample `at` on nothing was played after all."""
        if at < self._end:
            self._put(np.zeros(min(self._end - at, self._size), dtype=np.int16), self._end)
            self._end = at

    def read(self, first: int, count: int) -> pcm.Samples:
        """`count` samples from `first` on; silence where nothing is known."""
        sound = np.zeros(count, dtype=np.int16)
        low, high = max(first, self._end - self._size), min(first + count, self._end)
        if low < high:
            sound[low - first : high - first] = np.take(self._sound, range(low, high), mode="wrap")
        return sound

    def _put(self, samples: pcm.Samples, end: int) -> None:
        start = (end - len(samples)) % self._size
        head = min(len(samples), self._size - start)
        self._sound[start : start + head] = samples[:head]
        self._sound[: len(samples) - head] = samples[head:]
