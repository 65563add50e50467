"""Updates the index: only new and changed records are read."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from time import time
from typing import Any

from common.layout import record
from console.calls.index import Index
from console.calls.rows import row_of
from console.calls.source import Source
from functions.common.store import StoreError

BATCH = 500
READERS = 16
_PREFIX, _SUFFIX = record("*").split("*")


@dataclass(slots=True)
class Refresh:
    """One at a time; any thread may read `status` in the meantime. Once `stop` is set it ends after its batch."""

    source: Source
    index: Index
    stop: threading.Event = field(default_factory=threading.Event)
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _done: int = 0
    _to_do: int = 0
    _changes: int = 0
    _finished_at: float | None = None
    _error: str = ""

    def status(self) -> dict[str, Any]:
        """For the page."""
        return {
            "busy": self._busy.locked(),
            "done": self._done,
            "to_do": self._to_do,
            "changes": self._changes,
            "finished_at": self._finished_at,
            "error": self._error,
        }

    def run(self) -> int:
        """Returns how many records were read; 0 at once if a refresh is running. Failures are reported in `status`."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            changed = self._run()
        except StoreError as error:
            self._error = f"The store can't be read: {error}"
            return 0
        except sqlite3.Error as error:
            self._error = f"The index {self.index.path} can't be written: {error}"
            return 0
        else:
            self._error, self._finished_at = "", time()
            return changed
        finally:
            self._busy.release()

    def _run(self) -> int:
        known = self.index.known()
        there = {key: version for key, version in self.source.versions(_PREFIX) if key.endswith(_SUFFIX)}
        self.index.remove(gone := known.keys() - there.keys())
        self._changes += len(gone)
        changed = [(key, version) for key, version in there.items() if known.get(key) != version]
        self._done, self._to_do = 0, len(changed)
        with ThreadPoolExecutor(READERS) as readers:
            for batch in _batches(changed, BATCH):
                if self.stop.is_set():
                    break
                bodies = readers.map(self.source.read, (key for key, _ in batch))
                self.index.put(
                    [
                        (key, version, row_of(key.removeprefix(_PREFIX).removesuffix(_SUFFIX), body, self.index.prices))
                        for (key, version), body in zip(batch, bodies, strict=True)
                        if body is not None
                    ]
                )
                self._done += len(batch)
                self._changes += len(batch)
        if len(changed) >= BATCH:
            self.index.tidy()
        return len(changed)


def _batches(items: Iterable[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
