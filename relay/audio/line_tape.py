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
_AT_ONCE: Final = 4  # frames waiting to be written: together they cost little more than one


class LineTape:
    """At most the last `seconds` of a track. Positions are samples of the event loop's clock; unwritten parts are
    silence. It takes no more memory than what was written and is needed.
    """

    def __init__(self, rate_hz: int, seconds: float) -> None:
        self._rate_hz = rate_hz
        self._size = round(seconds * rate_hz)
        self._sound = bytearray()
        self._end = 0  # of what was written, in samples of the clock
        self._waiting: list[bytes] = []  # frames that follow each other, to be written at once
        self._waiting_end = 0
        self.needed_from = 0
        """Nobody will read what is before this sample."""

    def place(self, at: float) -> int:
        """The sample at that time, in seconds."""
        return round(at * self._rate_hz)

    def write(self, sound: bytes, first: int) -> None:
        """`sound` (pcm) begins at sample `first`. The gap between the end so far and it is silence."""
        if first != self._waiting_end or len(self._waiting) >= _AT_ONCE:
            self._lay_down()
            self._waiting_end = first
        self._waiting.append(sound)
        self._waiting_end += len(sound) // pcm.SAMPLE_BYTES

    def _lay_down(self) -> None:
        """Write the waiting frames."""
        if not self._waiting:
            return
        samples = pcm.samples(b"".join(self._waiting))
        self._waiting.clear()
        self._write(samples[-self._size :], self._waiting_end)
        if (unneeded := max(len(self._sound) - self._size, self.needed_from - self._start)) > 0:
            del self._sound[:unneeded]

    def _write(self, samples: pcm.Samples, end: int) -> None:
        first = end - len(samples)
        if first != self._end:
            if self._sound and end <= self._end - self._size:
                return
            if first - self._end >= self._size:
                self._sound.clear()
            elif first > self._end and self._sound:
                self._sound += pcm.ULAW_SILENCE * (first - self._end)
            if not self._sound:
                self._end = first
            if first < self._start:
                self._sound[:0] = pcm.ULAW_SILENCE * (self._start - first)
        place = first - self._start
        self._sound[place : place + len(samples)] = pcm.ulaw_encode(samples)
        self._end = max(self._end, end)

    @property
    def _start(self) -> int:
        return self._end - len(self._sound)

    def cut(self, at: int) -> None:
        """Nothing was played from sample `at` on."""
        self._lay_down()
        if at < self._end:
            del self._sound[max(0, at - self._start) :]
            self._end = at

    def read(self, first: int, count: int) -> pcm.Samples:
        """`count` samples from `first` on; silence if unknown."""
        return decoded(self.codes(first, count))

    def codes(self, first: int, count: int) -> Codes:
        """The same as μ-law."""
        self._lay_down()
        sound = np.full(count, _SILENCE, dtype=np.uint8)
        low, high = max(first, self._start), min(first + count, self._end)
        if low < high:
            sound[low - first : high - first] = np.frombuffer(self._sound, np.uint8, high - low, low - self._start)
        return sound

    def wipe(self) -> None:
        """Forget everything, to free its memory: nobody will read it."""
        if self._sound:
            self._sound = bytearray()
        self._waiting.clear()


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
