"""An event loop whose clock jumps: a ten-minute call plays in a second, and to the sample the same each time.

Both ends of every socket live in this process, on the loopback interface, where a write is readable at once. So
when nothing is ready to run and no socket has anything to read, nothing can happen until the next timer: the clock
is moved there instead of waiting for it. All code that measures time must ask the loop (``loop.time()``), never
``time.monotonic()``. Work handed to threads is waited for in real time; keep it out of code that is to be timed.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingSelector(selectors.DefaultSelector):
    """Asks the operating system without waiting; the time it would have waited is added to `now`."""

    now = 0.0
    in_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.in_threads or timeout is None:
            return super().select(0.05 if self.in_threads else timeout)
        self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Use with ``asyncio.Runner(loop_factory=VirtualTimeLoop)`` or `run`."""

    selector = JumpingSelector

    def __init__(self) -> None:
        self._jumping = self.selector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def call_at(  # type: ignore[override]  # the stub's variadic generic can't be restated here
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        # asyncio runs timers up to a nanosecond early. Code that then finds that it is not yet time and waits again
        # would do so for ever, because this clock does not move by itself.
        def on_time() -> None:
            self._jumping.now = max(self._jumping.now, when)
            callback(*args)

        return super().call_at(when, on_time, context=context)

    def run_in_executor(  # type: ignore[override]  # the stub's variadic generic can't be restated here
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.in_threads += 1

        def done(_: Any) -> None:
            self._jumping.in_threads -= 1

        future.add_done_callback(done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As asyncio's, without its limit: virtual minutes pass at once, before any thread has had its turn."""
        await super().shutdown_default_executor()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
