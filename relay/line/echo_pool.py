"""What the guarded calls of a relay share: threads that judge their callers' sound, and a number of places."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

_WORKERS: Final = 2


@dataclass(slots=True)
class EchoPool:
    """Threads and places for guarded calls, at most `calls` at the same time. `unguarded`: those that found none."""

    calls: int
    guarded: int = 0
    unguarded: int = 0
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_WORKERS, "echo"))

    def enter(self) -> bool:
        """Whether there is a free place."""
        if self.guarded >= self.calls:
            self.unguarded += 1
            return False
        self.guarded += 1
        return True

    def close(self) -> None:
        """No call is left."""
        self.threads.shutdown(wait=False)

    def leave(self) -> None:
        """A guarded call is over."""
        self.guarded -= 1
