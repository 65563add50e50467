"""Limits the work of all waiting requests together: each sleeps between two reads of the store.

A hundred callers whose webhooks are late must not delay a caller whose decision is there. So the reads of the whole
process are limited, not those of one request: the more requests wait, the longer each sleeps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

SHORTEST_S = 0.25
LOOKS_A_SECOND = 80


class Waiting:
    """The waiting requests of one process."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = Lock()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A context in which one more request waits."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @property
    def pause_s(self) -> float:
        """How long each request sleeps now."""
        return max(SHORTEST_S, self._count / LOOKS_A_SECOND)
