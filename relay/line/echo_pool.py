"""What the guarded calls of a relay share: threads that judge their callers' sound, and a number of places."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

_WORKERS: Final = 2
_WITHIN_SECONDS: Final = 0.06  # a caller's word is worth more than an echo, and later it would disturb a conversation


@dataclass(slots=True)
class EchoPool:
    """Threads and places for guarded calls, at most `calls` at the same time. `unguarded`: those that found none;
    `unjudged`: frames that were passed on as they came, because the threads had fallen behind.
    """

    calls: int
    nicer: int = 0
    """How much lower the priority of the threads is than the event loop's."""
    guarded: int = 0
    unguarded: int = 0
    unjudged: int = 0
    threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.threads = ThreadPoolExecutor(_WORKERS, "echo", initializer=_be_nicer, initargs=(self.nicer,))

    def enter(self) -> bool:
        """Whether there is a free place."""
        if self.guarded >= self.calls:
            self.unguarded += 1
            return False
        self.guarded += 1
        return True

    def start(self, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Have `work` done by a thread."""
        return asyncio.get_running_loop().run_in_executor(self.threads, work, *args)

    def close(self) -> None:
        """No call is left."""
        self.threads.shutdown(wait=False)

    def leave(self) -> None:
        """A guarded call is over."""
        self.guarded -= 1


class EchoWork:
    """What the threads do for one call: one thing after another, so that the queue has an end."""

    def __init__(self, pool: EchoPool) -> None:
        self._pool = pool
        self._begun: asyncio.Future[Any] | None = None

    @property
    def overdue(self) -> bool:
        """Something is still being done, though nobody waits for it any more."""
        return self._begun is not None and not self._begun.done()

    async def do(self, work: Callable[..., T], *args: Any) -> T | None:
        """What came of it. None if it takes too long, and is done later, or if something else is overdue."""
        if self.overdue:
            return None
        if self._begun is not None:
            self._begun.result()  # or its error
        begun: asyncio.Future[T] = self._pool.start(work, *args)
        self._begun = begun
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()  # asyncio's wait takes as long as handing over the work
        timer = loop.call_later(_WITHIN_SECONDS, _end_waiting, over)
        begun.add_done_callback(lambda _: _end_waiting(over))
        try:
            await over
        finally:
            timer.cancel()
        if not begun.done():
            return None
        self._begun = None
        return begun.result()


def _end_waiting(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _be_nicer(by: int) -> None:
    """On Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + by))
