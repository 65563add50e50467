"""A recording's sound on its way into its pieces: collected here in batches, written and uploaded by another thread."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final

from common.recording import MOST_PIECES, PIECE_SECONDS
from relay.audio.pcm import SAMPLE_BYTES
from relay.recording.placing import Shift
from relay.recording.sheets import Sheets
from relay.recording.spans import ms
from relay.recording.uploads import StreamUploads

_BEHIND: Final = 16  # batches waiting to be written: if the disk is stuck, memory must not grow


class Tape:
    """One channel for each side that is recorded; places are in samples since the call began.

    `executor`: one thread, which works in order. `on_error` gets what it raised. Once `closed`, nothing is added.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        *,
        executor: Executor,
        uploads: StreamUploads,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._rate_hz = rate_hz
        self._executor = executor
        self._uploads = uploads
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._sheets = Sheets(rate_hz, channels)
        self._size = PIECE_SECONDS * rate_hz
        self._firsts = [0, 0]
        self._batches: list[list[bytes]] = [[], []]
        self._ends = [0, 0]
        self._writing: deque[Future[None]] = deque()
        self.next_piece = 0
        """The first that may still change."""
        self.closed = False

    @property
    def lost(self) -> dict[int, str]:
        """Pieces that could not be written, with the reason."""
        return self._sheets.lost

    def add(self, channel: int, first: int, sound: bytes) -> None:
        """`sound` begins at `first`; what follows without a gap is written in one batch."""
        if self.closed:
            return
        if first != self._ends[channel]:
            self.flush(channel)
            self._firsts[channel] = first
        self._batches[channel].append(sound)
        self._ends[channel] = first + len(sound) // SAMPLE_BYTES

    def flush(self, *channels: int) -> None:
        """Have everything written that was collected."""
        batches = [(one, self._firsts[one], self._batches[one]) for one in channels if self._batches[one]]
        for channel in channels:
            self._firsts[channel], self._batches[channel] = self._ends[channel], []
        if batches and not self.closed and not self._write(self._sheets.write, batches):
            for channel, first, _ in batches:
                self._uploads.missing.add(ms(first / self._rate_hz), ms(self._ends[channel] / self._rate_hz), "disk")

    def move(self, channel: int, shift: Shift) -> None:
        """What was placed wrongly gets its place."""
        self.flush(channel)
        self._write(self._sheets.shift, channel, shift.first, shift.end, shift.by)

    def wipe(self, channel: int, first: int, end: int) -> None:
        """Silence from `first` to before `end`."""
        if max(0, first) < end:
            self.flush(channel)
            self._write(self._sheets.silence, channel, max(0, first), end)

    def finish_before(self, place: int) -> None:
        """Nothing before `place` will change any more: upload the pieces that end there."""
        while place >= (self.next_piece + 1) * self._size and not self.closed:
            self._finish_piece()

    def stop(self, end: int) -> None:
        """The recording ends at `end`: upload the rest."""
        while self.next_piece * self._size < end and not self.closed:
            self._finish_piece()
        self._close()

    def discard(self) -> None:
        """Keep nothing, upload nothing."""
        self._batches = [[], []]
        self._uploads.give_up("not wanted")
        self._close()

    def _close(self) -> None:
        self.closed = True
        self._on_error = _ignored  # what it was holds this
        self._executor.submit(self._sheets.close)

    def _write(self, work: Callable[..., None], *args: Any) -> bool:
        writing = self._writing
        while writing and writing[0].done():
            if (error := writing.popleft().exception()) is not None:
                self._on_error(error)
        if self.closed or (len(writing) >= _BEHIND and work == self._sheets.write):
            return False
        writing.append(self._executor.submit(work, *args))
        return True

    def _finish_piece(self) -> None:
        number, self.next_piece = self.next_piece, self.next_piece + 1
        if number >= MOST_PIECES:
            self.closed = True
            return
        self._uploads.add(number, self._loop.run_in_executor(self._executor, self._sheets.take, number))


def _ignored(_: BaseException) -> None:
    """Errors of a tape that is closed change nothing any more."""
