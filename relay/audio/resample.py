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
# Taps are whole numbers of this unit: sums of products with samples are exact, in any order, on any machine, and so the
# same however the sound was cut into chunks.
_ONE: Final = 2.0**22
_FEW_PHASES: Final = 3  # up to this many are quickest one by one; above it, each output's samples and taps are gathered


class Resampler:
    """One direction of one call: mono samples at `source_hz` in, at `target_hz` out, with state between chunks."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        common = gcd(source_hz, target_hz)
        self._up, self._down = target_hz // common, source_hz // common
        self._taps = _taps(self._up, self._down)
        self._window = self._taps.shape[1]
        self._silence = np.zeros(self._window // 2)
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far."""
        self._held: NDArray[np.float64] = self._silence  # before the first sample
        self._at = 0

    def process(self, sound: pcm.Samples, *, last: bool = False) -> pcm.Samples:
        """Takes any number of samples, and returns those outputs that need no later ones; `last` returns all, and
        resets.

        After `last`, the n samples of an utterance have become n * target / source, rounded up.
        """
        held = np.concatenate([self._held, sound, self._silence] if last else [self._held, sound])
        # A place is counted in steps of 1/up of a source sample, from the start of `held`; each output starts a window.
        windows = len(held) - self._window + 1
        count = max(0, ceil((windows * self._up - self._at) / self._down))
        out = self._at_places(held, count)
        end = self._at + count * self._down
        # copied: a view would keep all of a burst in memory until the next chunk
        self._held, self._at = held[end // self._up :].copy(), end % self._up
        if last:
            self.reset()
        out *= 1 / _ONE  # a power of two: exact
        return pcm.saturate(np.rint(out, out=out))

    def _at_places(self, held: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        if not count:
            return np.empty(0)
        if self._up > _FEW_PHASES:  # as from 22,050 to 8,000 Hz: 160 phases
            starts, phases = np.divmod(self._at + self._down * np.arange(count), self._up)
            windows = sliding_window_view(held, self._window)[starts]
            sums: NDArray[np.float64] = np.einsum("ij,ij->i", windows, self._taps[phases])
            return sums
        out = np.zeros(count)
        for first in range(min(self._up, count)):
            start, phase = divmod(self._at + first * self._down, self._up)
            share = out[first :: self._up]
            for skip, taps in _strands(self._up, self._down)[phase]:
                end = start + skip + (len(share) + len(taps) - 1) * self._down
                samples = held[start + skip : end : self._down]
                share += samples * taps[0] if len(taps) == 1 else np.correlate(samples, taps, "valid")
        return out


@lru_cache
def _strands(up: int, down: int) -> tuple[tuple[tuple[int, NDArray[np.float64]], ...], ...]:
    """For each phase, its taps in strands of every `down`th sample, each with the index of its first sample. So only
    the outputs that are kept are computed.

    Zeros at both ends are left out: with a half-band filter, one strand has a single tap.
    """
    strands = []
    for row in _taps(up, down):
        found = []
        for skip in range(down):
            taps = row[skip::down]
            places = np.flatnonzero(taps)
            if len(places):
                first, last = int(places[0]), int(places[-1])
                found.append((skip + first * down, np.ascontiguousarray(taps[first : last + 1])))
        strands.append(tuple(found))
    return tuple(strands)


@lru_cache
def _taps(up: int, down: int) -> NDArray[np.float64]:
    """A filter for each of `up` phases, from the earliest sample of a window to the latest, in units of 1 / _ONE."""
    cutoff = min(1.0, up / down)  # of the source's half rate
    transition = 2 * (1 - _PASSBAND) * cutoff / 2  # of the source's rate
    # Kaiser's two formulas: how long a filter has to be, and the shape of its window
    half = ceil((_REJECTION_DB - 7.95) / (2.285 * 2 * np.pi * transition) / 2)
    shape = 0.1102 * (_REJECTION_DB - 8.7)
    at = np.arange(up)[:, None] / up + half - np.arange(2 * half + 1)
    window = np.i0(shape * np.sqrt(np.clip(1 - (at / half) ** 2, 0, None))) * (abs(at) <= half)
    taps: NDArray[Any] = np.sinc(cutoff * at) * window
    taps = np.rint(taps / taps.sum(axis=1, keepdims=True) * _ONE)
    taps.setflags(write=False)
    return taps
