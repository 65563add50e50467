"""What all the requests that wait for a decision may cost together: each sleeps between its looks into the store.

A hundred callers whose webhooks are late must not take the processor from the one whose decision is there. So the looks
of a process are bounded, not those of a request: the more wait, the longer each sleeps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

SHORTEST_S = 0.25
LOOKS_A_SECOND = 80


class Waiting:
    """The requests of one process that wait."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = Lock()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """While a request waits."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @property
    def pause_s(self) -> float:
        """How long each of them sleeps now."""
        return max(SHORTEST_S, self._count / LOOKS_A_SECOND)
