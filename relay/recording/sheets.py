"""Pieces of a recording while they are being written: unnamed files, so that memory use stays flat.

Used by one thread other than the event loop's. Each side of a piece is stored separately until the piece is finished,
with silence where nothing was written: sound can still be moved, and sound that must not be kept can be wiped.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from typing import BinaryIO, Final

import numpy as np

from common.recording import PIECE_SECONDS, SILENCE, head
from relay.audio import pcm

_MOST_OPEN: Final = 4


class Sheets:
    """Those of one stream. `lost`: numbers of pieces that could not be written, and why."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._rate_hz = rate_hz
        self._channels = channels
        self._size = PIECE_SECONDS * rate_hz
        self._first = 0  # the oldest unfinished piece
        self._files: dict[int, BinaryIO] = {}
        self.lost: dict[int, str] = {}

    def write(self, batches: Iterable[tuple[int, int, Sequence[bytes]]]) -> None:
        """(channel, first sample, sound as pcm) of each."""
        for channel, first, sound in batches:
            self._put(channel, first, pcm.ulaw_encode(pcm.samples(b"".join(sound))))

    def silence(self, channel: int, first: int, end: int) -> None:
        """Keep nothing of these samples."""
        while first < end:
            count = min(end - first, self._size)
            if any(number in self._files for number in range(first // self._size, (first + count) // self._size + 1)):
                self._put(channel, first, bytes([SILENCE]) * count)
            first += count

    def shift(self, channel: int, first: int, end: int, by: int) -> None:
        """Sound between `first` and `end` belongs `by` samples later; finished pieces stay."""
        first = max(first, self._first * self._size)
        if by <= 0 or first >= end:
            return
        sound = b"".join(self._get(channel, first, end))
        self._put(channel, first + by, sound)
        self.silence(channel, first, min(first + by, end))

    def take(self, number: int) -> BinaryIO | None:
        """Piece `number`, finished, as a WAV of the usual length; None if it is empty."""
        self._first = max(self._first, number + 1)
        file = self._files.pop(number, None)
        if file is None:
            return None
        try:
            sides = np.frombuffer(os.pread(file.fileno(), self._size * self._channels, 0), dtype=np.uint8)
            together = sides.reshape(self._channels, self._size).T.tobytes()
            os.pwrite(file.fileno(), head(self._rate_hz, self._channels, self._size) + together, 0)
        except (OSError, ValueError) as error:
            self._lose(number, file, error)
            return None
        return file

    def close(self) -> None:
        """Keep nothing more."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _put(self, channel: int, first: int, sound: bytes) -> None:
        view, at = memoryview(sound), 0
        while at < len(sound):
            number, offset = divmod(first + at, self._size)
            count = min(self._size - offset, len(sound) - at)
            if number >= self._first and (file := self._file(number)) is not None:
                try:
                    os.pwrite(file.fileno(), view[at : at + count], channel * self._size + offset)
                except OSError as error:
                    self._lose(number, file, error)
            at += count

    def _get(self, channel: int, first: int, end: int) -> list[bytes]:
        found = []
        while first < end:
            number, offset = divmod(first, self._size)
            count = min(self._size - offset, end - first)
            file = self._files.get(number)
            kept = b"" if file is None else os.pread(file.fileno(), count, channel * self._size + offset)
            found.append(kept.ljust(count, bytes([SILENCE])))
            first += count
        return found

    def _file(self, number: int) -> BinaryIO | None:
        if number in self.lost or (number not in self._files and len(self._files) >= _MOST_OPEN):
            return None
        if number not in self._files:
            try:
                file = _nameless()
                os.pwrite(file.fileno(), bytes([SILENCE]) * (self._size * self._channels), 0)
            except OSError as error:
                self.lost[number] = str(error.strerror or error)
                return None
            self._files[number] = file
        return self._files[number]

    def _lose(self, number: int, file: BinaryIO, error: Exception) -> None:
        self.lost[number] = str(getattr(error, "strerror", None) or error)
        self._files.pop(number, None)
        file.close()


@cache
def on_disk() -> bool:
    """Whether there is a folder for temporary files (TMPDIR, /tmp)."""
    try:
        tempfile.gettempdir()
    except OSError:
        return False
    return True


def _nameless() -> BinaryIO:
    """A file that disappears with its last user: on the disk, or in memory if there is no folder for it."""
    if on_disk() or not hasattr(os, "memfd_create"):
        return tempfile.TemporaryFile(buffering=0)
    return os.fdopen(os.memfd_create("recording", os.MFD_CLOEXEC), "w+b", buffering=0)
