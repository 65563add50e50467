"""Resamples live sound with a windowed sinc, in as many phases as the two rates need (polyphase FIR).

It replaced a library. Of those measured (tests/bench/resampling.py), soxr's streams hold sound back for up to 118 ms;
libsamplerate's quickest sinc has the same delay as this one, but takes 9 dB off the top of the telephone band, twice
the CPU, and some 70 KB more for each direction of a call.
"""

from functools import lru_cache
from math import ceil, gcd
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from relay.audio import pcm

_REJECTION_DB: Final = 80.0
# Share of the lower rate's half: sound below it passes unchanged, sound above its mirror image (4.6 kHz at 8 kHz) is
# removed. A steeper filter would be longer, and half its length is its delay: 2.1 ms at telephone rates.
_PASSBAND: Final = 0.85
# Taps are whole numbers of this unit, a power of two: sums of products with samples are exact, in any order, on any
# machine, and so the same however the sound was cut into chunks.
_UNIT: Final = 2.0**-22
_FEW_PHASES: Final = 3  # up to this many fit into one matrix; above it, each output's samples and taps are gathered
_TOGETHER: Final = 16  # outputs of one row: with fewer, samples are copied more often; with more, zeros are multiplied
_AT_ONCE: Final = 2**18  # products: OpenBLAS gives more of them to several threads, and wakes those up

Wave = NDArray[np.float64]
_NOTHING: Final[Wave] = np.empty(0)


class Resampler:
    """One direction of one call: mono samples at `source_hz` in, at `target_hz` out, with state between chunks."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        common = gcd(source_hz, target_hz)
        self._up, self._down = target_hz // common, source_hz // common
        self._taps = _taps(self._up, self._down)
        self._window = self._taps.shape[1]
        self._silence = _silence(self._window // 2)
        self._spare = (_width(self._up) * self._down) // self._up if self._up <= _FEW_PHASES else 0
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far."""
        self._held: Wave = self._silence  # before the first sample
        self._at = 0

    def process(self, sound: pcm.Samples, *, last: bool = False) -> pcm.Samples:
        """Takes any number of samples, and returns those outputs that need no later ones; `last` returns all, and
        resets.

        After `last`, the n samples of an utterance have become n * target / source, rounded up.
        """
        ended = self._silence if last else _NOTHING
        before, heard = len(self._held), len(self._held) + len(sound)
        size = heard + len(ended)
        # A place is counted in steps of 1/up of a source sample, from the start of `held`; each output starts a window.
        windows = size - self._window + 1
        count = max(0, ceil((windows * self._up - self._at) / self._down))
        held = np.zeros(size + self._spare)
        held[:before] = self._held
        held[before:heard] = sound
        out = self._by_rows(held, count) if self._up <= _FEW_PHASES else self._one_by_one(held, count)
        end = self._at + count * self._down
        # copied: a view would keep all of a burst in memory until the next chunk
        self._held, self._at = held[end // self._up : size].copy(), end % self._up
        if last:
            self.reset()
        return pcm.saturate(np.rint(out, out=out))

    def returned(self, samples: int, *, last: bool = False) -> int:
        """How many samples `process` has returned in all after `samples` of an utterance."""
        if last:
            return -(-samples * self._up // self._down)
        windows = samples - len(self._silence)
        return max(0, -(-windows * self._up // self._down))

    def _by_rows(self, held: Wave, count: int) -> Wave:
        """As products of matrices: one call of numpy's for thousands of outputs, where a call for each output's sum
        took twice the time. The last row reaches into the spare zeros.
        """
        matrix = _matrix(self._up, self._down, self._at)
        reach, width = matrix.shape
        out = np.empty((-(-count // width), width))
        steps = (width * self._down // self._up * held.itemsize, held.itemsize)
        sounds: Wave = np.ndarray((len(out), reach), np.float64, held, 0, steps)
        most = _AT_ONCE // matrix.size
        for at in range(0, len(out), most):
            np.matmul(sounds[at : at + most].copy(), matrix, out[at : at + most])  # overlapping rows take a slow way
        return out.reshape(-1)[:count]

    def _one_by_one(self, held: Wave, count: int) -> Wave:
        """As from 22,050 to 8,000 Hz: 160 phases."""
        if not count:
            return np.empty(0)
        starts, phases = np.divmod(self._at + self._down * np.arange(count), self._up)
        windows = sliding_window_view(held, self._window)[starts]
        sums: Wave = np.einsum("ij,ij->i", windows, self._taps[phases])
        return sums


def _width(up: int) -> int:
    """Outputs of one row: a whole number of times each phase."""
    return up * ceil(_TOGETHER / up)


@lru_cache
def _silence(count: int) -> Wave:
    """For all calls: nobody changes it."""
    return np.zeros(count)


@lru_cache
def _matrix(up: int, down: int, at: int) -> Wave:
    """What turns samples into the next outputs, a column each, if the first begins at `at`: taps, and zeros where an
    output does not reach.
    """
    taps = _taps(up, down)
    width, window = _width(up), taps.shape[1]
    matrix = np.zeros((((width - 1) * down + at) // up + window, width))
    for column in range(width):
        start, phase = divmod(at + column * down, up)
        matrix[start : start + window, column] = taps[phase]
    matrix.setflags(write=False)
    return matrix


@lru_cache
def _taps(up: int, down: int) -> NDArray[np.float64]:
    """A filter for each of `up` phases, from the earliest sample of a window to the latest, whole numbers of _UNIT."""
    cutoff = min(1.0, up / down)  # of the source's half rate
    transition = 2 * (1 - _PASSBAND) * cutoff / 2  # of the source's rate
    # Kaiser's two formulas: how long a filter has to be, and the shape of its window
    half = ceil((_REJECTION_DB - 7.95) / (2.285 * 2 * np.pi * transition) / 2)
    shape = 0.1102 * (_REJECTION_DB - 8.7)
    at = np.arange(up)[:, None] / up + half - np.arange(2 * half + 1)
    window = np.i0(shape * np.sqrt(np.clip(1 - (at / half) ** 2, 0, None))) * (abs(at) <= half)
    taps: NDArray[Any] = np.sinc(cutoff * at) * window
    taps = np.rint(taps / taps.sum(axis=1, keepdims=True) / _UNIT) * _UNIT
    taps.setflags(write=False)
    return taps
