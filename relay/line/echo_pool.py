"""What the guarded calls of a relay share: a thread that judges their callers' sound, and a number of places."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

ROUND_SECONDS: Final = 0.01

Job = Callable[[], list[bytes]]


class Asks(Protocol):
    """One call that has something to be judged."""

    def job(self) -> Job | None:
        """What is to be done, by the thread; None if there is nothing any more. Called by the event loop."""
        ...

    def done(self, outcome: list[bytes] | Exception) -> None:
        """What came of it. Called by the event loop."""
        ...


@dataclass(slots=True)
class EchoPool:
    """A thread and places for guarded calls, at most `calls` at the same time. `unguarded`: those that found none;
    `unjudged`: frames that were passed on as they came, because the thread had fallen behind.

    The thread works in rounds, for all calls that ask at once: each time it is woken up, and each time it wants
    Python's lock, the event loop may have to wait.
    """

    calls: int
    nicer: int = 0
    """How much lower the priority of the thread is than the event loop's."""
    guarded: int = 0
    unguarded: int = 0
    unjudged: int = 0
    thread: ThreadPoolExecutor = field(init=False)
    _asking: list[Asks] = field(init=False, default_factory=list)
    _busy: bool = field(init=False, default=False)  # a round is planned or goes on
    _began: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "echo", initializer=_be_nicer, initargs=(self.nicer,))

    def enter(self) -> bool:
        """Whether there is a free place."""
        if self.guarded >= self.calls:
            self.unguarded += 1
            return False
        self.guarded += 1
        return True

    def leave(self) -> None:
        """A guarded call is over."""
        self.guarded -= 1

    def ask(self, who: Asks) -> None:
        """Have a job of `who` done in the next round. Not again before that is done."""
        self._asking.append(who)
        if not self._busy:
            self._plan()

    def start(self, jobs: Sequence[Job]) -> "asyncio.Future[list[list[bytes] | Exception]]":
        """Have `jobs` done by the thread."""
        return asyncio.get_running_loop().run_in_executor(self.thread, _do, jobs)

    def close(self) -> None:
        """No call is left."""
        self.thread.shutdown(wait=False)

    def _plan(self) -> None:
        self._busy = True
        loop = asyncio.get_running_loop()
        due = self._began + ROUND_SECONDS
        if due > loop.time():
            loop.call_at(due, self._begin)
        else:
            loop.call_soon(self._begin)

    def _begin(self) -> None:
        asking, self._asking = self._asking, []
        self._began = asyncio.get_running_loop().time()
        jobs = {who: job for who in asking if (job := who.job()) is not None}
        if not jobs:
            self._busy = False
            return
        self.start(list(jobs.values())).add_done_callback(lambda round_: self._done(list(jobs), round_))

    def _done(self, asked: Sequence[Asks], round_: "asyncio.Future[list[list[bytes] | Exception]]") -> None:
        self._busy = False
        if round_.cancelled():
            return
        loop = asyncio.get_running_loop()
        for who, outcome in zip(asked, round_.result(), strict=True):
            loop.call_soon(who.done, outcome)  # if one fails, the others are told all the same
        if self._asking:
            self._plan()


def _do(jobs: Sequence[Job]) -> list[list[bytes] | Exception]:
    """An error of one call's is not the others'."""
    return [_outcome(job) for job in jobs]


def _outcome(job: Job) -> list[bytes] | Exception:
    try:
        return job()
    except Exception as error:  # noqa: BLE001 - the call learns of it
        return error


def _be_nicer(by: int) -> None:
    """On Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + by))
