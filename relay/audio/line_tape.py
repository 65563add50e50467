"""The recent sound of one side of a line, by time, so that two sides can be compared.

Kept as μ-law, which is half the memory and as exact as the line itself.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

Codes = NDArray[np.uint8]

_SILENCE: Final = pcm.ULAW_SILENCE[0]
_SAMPLES: Final = pcm.ulaw_decode(bytes(range(256)))
_FLOATS: Final = _SAMPLES.astype(np.float32)
_AT_ONCE: Final = 8  # frames waiting to be written: together they cost little more than one


class LineTape:
    """The last `seconds` of a track. Times are seconds of the event loop's clock; unwritten parts are silence."""

    def __init__(self, rate_hz: int, seconds: float) -> None:
        self._rate_hz = rate_hz
        self._size = round(seconds * rate_hz)
        self._sound: Codes | None = None
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
                self._write(b"".join(run), begin)
                run = []
            if not run:
                begin = first
            run.append(sound)
            end = first + len(sound) // pcm.SAMPLE_BYTES
        if run:
            self._write(b"".join(run), begin)

    def _write(self, sound: bytes, first: int) -> None:
        samples = pcm.samples(sound)
        end = first + len(samples)
        if end <= self._end - self._size:
            return
        if first > self._end:
            self._put(_silence(min(first - self._end, self._size)), first)
        self._put(np.frombuffer(pcm.ulaw_encode(samples[-self._size :]), dtype=np.uint8), end)
        self._end = max(self._end, end)

    def cut(self, at: int) -> None:
        """Nothing was played from sample `at` on."""
        self._lay_down()
        if at < self._end and self._sound is not None:
            self._put(_silence(min(self._end - at, self._size)), self._end)
        self._end = min(self._end, at)

    def read(self, first: int, count: int) -> pcm.Samples:
        """`count` samples from `first` on; silence if unknown."""
        return decoded(self.codes(first, count))

    def codes(self, first: int, count: int) -> Codes:
        """The same as μ-law."""
        self._lay_down()
        sound = _silence(count)
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

    def _put(self, codes: Codes, end: int) -> None:
        if self._sound is None:
            self._sound = _silence(self._size)
        start = (end - len(codes)) % self._size
        head = min(len(codes), self._size - start)
        self._sound[start : start + head] = codes[:head]
        self._sound[: len(codes) - head] = codes[head:]


def decoded(codes: Codes) -> pcm.Samples:
    """The samples of μ-law codes."""
    return _SAMPLES.take(codes)


def decoded_into(sound: NDArray[np.float32], codes: NDArray[np.intp]) -> NDArray[np.float32]:
    """`sound`, filled with the samples of as many codes, without another array."""
    return _FLOATS.take(codes, out=sound, mode="clip")  # without a mode it works on a copy


def peaks(codes: Codes, size: int) -> pcm.Samples:
    """The largest magnitude of each whole block of `size` codes, without decoding them all."""
    blocks = (codes[: len(codes) // size * size] & np.uint8(0x7F)).reshape(-1, size)
    return decoded(blocks.min(axis=1) | np.uint8(0x80))  # a larger magnitude is a smaller code


def _silence(count: int) -> Codes:
    return np.full(count, _SILENCE, dtype=np.uint8)
