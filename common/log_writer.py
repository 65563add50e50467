"""Writes log lines in a separate thread, so that a blocked standard output stops neither a call nor a server.

A paused terminal, a node's log agent or a log driver in blocking mode can let a pipe fill up after some 250 lines. The
next write then blocks, and with it the event loop, all calls and /health. So lines wait in a bounded queue. Lines that
don't fit are dropped and counted; the count is logged as soon as writing works again.
"""

import atexit
import json
import logging
import queue
import sys
import threading
import time
from io import TextIOBase
from typing import Final, Self, TextIO

from common.times import rfc3339

WAITING_LINES: Final = 2_000
_FOR_WARNINGS: Final = 500  # places reserved for WARNING and above
_FLUSH_S: Final = 2.0  # seconds, at the end of the process


class LogWriter(TextIOBase):
    """Writer of one stream. `put` never blocks. Can be used as a text file: `write`, `flush`."""

    def __init__(self, stream: TextIO, *, lines: int = WAITING_LINES) -> None:
        super().__init__()
        self.dropped = 0
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue()
        self._limit = lines
        self._said = 0
        self._thread = threading.Thread(target=self._write_for_ever, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str, *, important: bool = False) -> None:
        """Queue `line` (with its line end); it is dropped if too many wait."""
        if self._lines.qsize() >= self._limit - (0 if important else min(_FOR_WARNINGS, self._limit // 4)):
            self.dropped += 1
        else:
            self._lines.put_nowait(line)

    def write(self, text: str) -> int:
        """As for a text file; returns the number of characters."""
        if text:
            self.put(text)
        return len(text)

    def flush(self) -> None:
        """Does nothing: the thread flushes after each line."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def drain(self, timeout_s: float = _FLUSH_S) -> bool:
        """Wait until all queued lines are written; False if they are not within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._lines.all_tasks_done:
            while self._lines.unfinished_tasks:
                if (left := deadline - time.monotonic()) <= 0:
                    return False
                self._lines.all_tasks_done.wait(left)
        return True

    def _write_for_ever(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self._stream.write(line)
                if (dropped := self.dropped - self._said) > 0:
                    self._said += dropped
                    self._stream.write(_lost(dropped))
                self._stream.flush()
            except (OSError, ValueError):  # a closed pipe or file: nothing can be written any more
                self.dropped += 1
            finally:
                self._lines.task_done()


class QueuedHandler(logging.Handler):
    """A logging handler that formats in the calling thread and writes in the writer's thread."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self.writer = writer

    @classmethod
    def to_stdout(cls) -> Self:
        """The writer of standard output. When the process ends, queued lines get two seconds."""
        writer = LogWriter(sys.stdout)
        atexit.register(writer.drain)
        return cls(writer)

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises and never blocks."""
        try:
            self.writer.put(self.format(record) + "\n", important=record.levelno >= logging.WARNING)
        except Exception:  # noqa: BLE001  # like every handler: a line that can't be formatted must not end a call
            self.handleError(record)


def _lost(dropped: int) -> str:
    line = {
        "time": rfc3339(time.time()),
        "severity": "WARNING",
        "event": "log_lines_dropped",
        "message": f"{dropped} log lines were dropped: standard output was not read",
        "dropped": dropped,
    }
    return json.dumps(line) + "\n"
