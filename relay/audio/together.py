"""The sound of several voices in a row, so that numpy is called for all of it, and not for each of them."""

from math import log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm
from relay.audio.levels import BLOCK_SECONDS, decibels, powers
from relay.audio.voice_runs import hisses_of

_ROW_BYTES: Final = 24 * 1024  # its numbers take twice as much, which is not asked of the kernel (relay/allocator.py)
_FULL_SCALE: Final = 32767
_NONE: Final = pcm.samples(b"")
_FALSE: Final = np.empty(0, np.bool_)


class _Row:
    """Voices, in one piece of memory; the first of their blocks is `first` of all."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.frames: list[bytes] = []
        self.room = _ROW_BYTES
        self.sound = _NONE
        self.voices: list[int] = []  # where they begin, in samples
        self.hisses = b""  # of its blocks, once it is asked for
        self.full: NDArray[np.bool_] = _FALSE  # which samples are at full scale, once it is asked for
        self.any_full = True


class Together:
    """Voices of one rate, whole blocks of BLOCK_SECONDS of each. They have numbers from 0 on, as they are added.

    `firsts`, `ends`: of each voice's blocks among all blocks.
    """

    def __init__(self, rate_hz: int) -> None:
        self._block = round(BLOCK_SECONDS * rate_hz)
        self._may_clip_db = -10 * log10(self._block) - 0.1  # a block with one sample at full scale is louder
        self._rows: list[_Row] = []
        self._row_of: list[_Row] = []
        self._count = 0  # blocks
        self.firsts: list[int] = []
        self.ends: list[int] = []

    def add(self, frames: list[bytes], size: int) -> bytes:
        """The next voice: pcm, `size` bytes in all. Returns its end, which is no whole block."""
        rest = b""
        if over := size % (pcm.SAMPLE_BYTES * self._block):
            joined, size = b"".join(frames), size - over
            frames, rest = [joined[:size]], joined[size:]
        if not self._rows or self._rows[-1].room < size:
            self._rows.append(_Row(self._count))
        row = self._rows[-1]
        row.frames.extend(frames)
        row.voices.append((self._count - row.first) * self._block)
        row.room -= size
        self._row_of.append(row)
        self.firsts.append(self._count)
        self._count += size // (pcm.SAMPLE_BYTES * self._block)
        self.ends.append(self._count)
        return rest

    def levels(self) -> NDArray[np.float32]:
        """Of all blocks, in dB of full scale, once all voices have been added."""
        found = np.empty(self._count, dtype=np.float32)
        for row in self._rows:
            row.sound = pcm.samples(b"".join(row.frames))
            count = len(row.sound) // self._block
            powers(row.sound, count, self._block, found[row.first : row.first + count])
        return decibels(found, self._block)

    def hisses(self, number: int) -> bytes:
        """See `hisses_of`: of one voice's blocks, after `levels`."""
        row = self._row_of[number]
        if not row.hisses:
            row.hisses = hisses_of(row.sound, self._block, row.voices)
        return row.hisses[self.firsts[number] - row.first : self.ends[number] - row.first]

    def clipped(self, number: int, loudest_db: float) -> int:
        """How many samples of a voice are at full scale, after `levels`: the original was louder.

        `loudest_db`: the highest of the voice's levels.
        """
        if loudest_db < self._may_clip_db:
            return 0
        row, block = self._row_of[number], self._block
        if row.full is _FALSE:
            row.full = np.abs(row.sound).view(np.uint16) >= _FULL_SCALE  # see pcm.peak
            row.any_full = bool(np.count_nonzero(row.full))
        if not row.any_full:
            return 0
        first, end = (self.firsts[number] - row.first) * block, (self.ends[number] - row.first) * block
        return int(np.count_nonzero(row.full[first:end]))
