"""The recent sound of one side of a line, by time, so that two sides can be compared.

Kept as μ-law, which is half the memory and as exact as the line itself.
"""

import mmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.pages import PAGE, Pages

Codes = NDArray[np.uint8]

_SAMPLES: Final = pcm.ulaw_decode(bytes(range(256)))
_PAIRS: Final = np.add.outer(_SAMPLES, _SAMPLES, dtype=np.float32).ravel()  # by two codes as one number
_AT_ONCE: Final = 1280  # samples waiting to be written: several frames together cost little more than one
_pages: Final = Pages()


class LineTape:
    """At most the last `seconds` of a track. Positions are samples of the event loop's clock; unwritten parts are
    silence. It has no more pages than for what was written and is needed.
    """

    def __init__(self, rate_hz: int, seconds: float) -> None:
        self._rate_hz = rate_hz
        self._size = round(seconds * rate_hz)
        self._pages: list[mmap.mmap] = []
        self._base = 0  # the sample at which they begin
        self._start = self._end = 0  # of what is kept
        self._waiting: list[bytes] = []  # frames that follow each other, to be written at once
        self._waiting_from = self._waiting_end = 0
        self.needed_from = 0
        """Nobody will read what is before this sample."""

    def place(self, at: float) -> int:
        """The sample at that time, in seconds."""
        return round(at * self._rate_hz)

    def write(self, sound: bytes, first: int) -> None:
        """`sound` (pcm) begins at sample `first`. The gap between the end so far and it is silence."""
        if first != self._waiting_end or not self._waiting:
            self._lay_down()
            self._waiting_from = self._waiting_end = first
        self._waiting.append(sound)
        self._waiting_end += len(sound) // pcm.SAMPLE_BYTES
        if self._waiting_end - self._waiting_from >= _AT_ONCE:
            self._lay_down()  # waiting, they take twice as much, and of the heap

    def _lay_down(self) -> None:
        """Write the waiting frames."""
        if not self._waiting:
            return
        codes = pcm.ulaw_encode(pcm.samples(b"".join(self._waiting)))[-self._size :]
        self._waiting.clear()
        end = self._waiting_end
        first = end - len(codes)
        if self._start == self._end or first - self._end >= self._size:
            _pages.give_back(self._pages)
            self._base = self._start = self._end = first
        elif end <= self._end - self._size:
            return
        if first > self._end:
            self._put(pcm.ULAW_SILENCE * (first - self._end), self._end)
        self._end = max(self._end, end)
        least = self._end - self._size
        if first < self._start:
            codes, first = codes[max(0, least - first) :], max(least, first)
            self._put(pcm.ULAW_SILENCE * (self._start - first), first)
            self._start = first
        self._put(codes, first)
        self._start = max(least, min(first, max(self._start, self.needed_from)))
        if (unneeded := (self._start - self._base) // PAGE) > 0:
            self._base += unneeded * PAGE
            _pages.give_back(self._pages[:unneeded])
            del self._pages[:unneeded]

    def _put(self, codes: bytes, first: int) -> None:
        while first < self._base:
            self._pages.insert(0, _pages.take())
            self._base -= PAGE
        number, place = divmod(first - self._base, PAGE)
        while codes:
            if number == len(self._pages):
                self._pages.append(_pages.take())
            part = codes[: PAGE - place]
            self._pages[number][place : place + len(part)] = part
            codes, number, place = codes[len(part) :], number + 1, 0

    def cut(self, at: int) -> None:
        """Nothing was played from sample `at` on."""
        self._lay_down()
        if at < self._end:
            self._start, self._end = min(self._start, at), at

    def read(self, first: int, count: int) -> pcm.Samples:
        """`count` samples from `first` on; silence if unknown."""
        return decoded(self.codes(first, count))

    def codes(self, first: int, count: int) -> Codes:
        """The same as μ-law."""
        self._lay_down()
        low, high = max(first, self._start), min(first + count, self._end)
        if low >= high:
            return np.full(count, pcm.ULAW_SILENCE[0], np.uint8)
        begin, end = low - self._base, high - self._base
        parts = [
            self._pages[number][max(0, begin - number * PAGE) : end - number * PAGE]
            for number in range(begin // PAGE, -(-end // PAGE))
        ]
        before, after = pcm.ULAW_SILENCE * (low - first), pcm.ULAW_SILENCE * (first + count - high)
        return np.frombuffer(b"".join((before, *parts, after)), np.uint8)

    @property
    def kept(self) -> int:
        """Bytes of sound that are held."""
        return self._end - self._start + sum(map(len, self._waiting))

    def wipe(self) -> None:
        """Forget everything, to free its memory: nobody will read it."""
        _pages.give_back(self._pages)
        self._start = self._end
        self._waiting.clear()


def decoded(codes: Codes) -> pcm.Samples:
    """The samples of μ-law codes."""
    return _SAMPLES.take(codes)


def pairs_into(sums: NDArray[np.float32], pairs: NDArray[np.uint16], indices: NDArray[np.intp]) -> NDArray[np.float32]:
    """`sums`, filled with the sum of two samples for each two codes, without another array; overwrites `indices`."""
    indices[:] = pairs
    return _PAIRS.take(indices, out=sums, mode="clip")  # without a mode it works on a copy


def peaks(codes: Codes, size: int) -> pcm.Samples:
    """The largest magnitude of each whole block of `size` codes, without decoding them all."""
    blocks = (codes[: len(codes) // size * size] & np.uint8(0x7F)).reshape(-1, size)
    return decoded(np.minimum.reduce(blocks, axis=1) | np.uint8(0x80))  # a larger magnitude is a smaller code
