"""Finds the lines in what the caller heard, and how much of each: the proof that sound arrived."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.sound import Pcm, resampled
from sim.speech import LINE_HZ, spoken

BLOCK_MS = 100
CLEAR = 0.6
"""A block of a line counts as heard when it correlates this well with what was heard."""
QUIET = 650
"""RMS below which a block of a line is a pause (-34 dBFS): what is heard in it is the ambience."""


@dataclass(frozen=True, slots=True)
class HeardLine:
    """`at_s` from the track's start; `heard_ms` until it was cut off, to 10 ms; `length_ms` of the whole line;
    `gain`: 1.0 when it was as loud as it was sent."""

    name: str
    at_s: float
    heard_ms: int
    length_ms: int
    gain: float

    @property
    def is_whole(self) -> bool:
        """Heard to its last block."""
        return self.heard_ms >= self.length_ms


def find_line(track: Pcm, rate_hz: int, name: str) -> HeardLine | None:
    """Find a line in a track; None if not even its beginning is there."""
    if not track.size:
        return None
    heard = resampled(track, rate_hz, LINE_HZ).astype(np.float64)
    expected = spoken(name).astype(np.float64)
    place = _best_place(heard, expected)
    window = heard[max(0, place) : place + expected.size]
    window = np.pad(window, (max(0, -place), max(0, expected.size - window.size)))[: expected.size]
    size = LINE_HZ * BLOCK_MS // 1000
    whole = _heard_samples(window, expected, 0, size)
    if whole < 2 * size:
        return None
    if whole < expected.size:  # where in the next block it was cut off
        whole = _heard_samples(window[: whole + size], expected[: whole + size], whole, size // 10)
        while _is_pause(expected[whole - size // 10 : whole]):  # a pause that would have followed was not heard
            whole -= size // 10
    gain = float(window[:whole] @ expected[:whole]) / float(expected[:whole] @ expected[:whole])
    return HeardLine(
        name,
        at_s=place / LINE_HZ,
        heard_ms=whole * 1000 // LINE_HZ,
        length_ms=expected.size * 1000 // LINE_HZ,
        gain=gain,
    )


def _heard_samples(heard: NDArray[np.float64], expected: NDArray[np.float64], start: int, size: int) -> int:
    """Where the first block of `size` samples, from `start` on, is that can't be heard."""
    while start < expected.size and _is_there(heard[start : start + size], expected[start : start + size]):
        start += size
    return min(start, expected.size)


def _best_place(heard: NDArray[np.float64], expected: NDArray[np.float64]) -> int:
    """Where `expected` begins, by its first second: a line that was cut off is found by what is left of it."""
    beginning = expected[:LINE_HZ]
    size = 1 << int(heard.size + beginning.size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(beginning, size)), size)
    energy = np.cumsum(np.concatenate([[0.0], heard**2]))
    last = np.minimum(np.arange(heard.size) + beginning.size, heard.size)
    local = np.sqrt(energy[last] - energy[: heard.size]) + 1.0
    return int(np.argmax(product[: heard.size] / local))


def _is_there(heard: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    if _is_pause(expected):
        return True
    strength = float(np.sqrt(expected @ expected))
    # A few samples of shift either way: resamplers delay by fractions.
    best = max(float(np.roll(heard, shift) @ expected) for shift in range(-3, 4))
    return best >= CLEAR * strength * float(np.sqrt(heard @ heard)) and best > 0


def _is_pause(expected: NDArray[np.float64]) -> bool:
    return float(expected @ expected) < QUIET**2 * expected.size
