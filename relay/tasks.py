"""Tasks that end together: those of a call, or of an agent's time on it."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextvars import Context
from typing import Any, Final

from relay.ended import error_of

Spawn = Callable[[Coroutine[Any, Any, None]], object]

_NOTHING: Final = Context()  # a task's end needs no context variables, and each callback would get a copy of them


class Tasks:
    """`on_error` gets what a task raised; the others go on.

    All calls have some: a list and one callback for all, which is this object itself, take a kilobyte less than a set
    and one each.
    """

    __slots__ = ("_on_error", "_tasks")

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._tasks: list[asyncio.Future[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run `work` beside the others."""
        name = getattr(work, "__qualname__", "call")  # there already; asyncio would make one for each task
        task = asyncio.create_task(work, name=name)
        self.watch(task)
        return task

    def watch(self, work: "asyncio.Future[None]") -> None:
        """Something that goes on without a task, and ends with the others."""
        self._tasks.append(work)
        work.add_done_callback(self, context=_NOTHING)

    async def stop(self, *, but: Collection["asyncio.Future[None]"] = ()) -> None:
        """Cancel all, except the calling task and those in `but`, and wait for them."""
        tasks = [task for task in self._tasks if task not in {asyncio.current_task(), *but}]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def end(self, within_s: float) -> None:
        """Wait so long for all to end by themselves, and as long again once they are cancelled."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=within_s)

    def __call__(self, task: "asyncio.Future[None]") -> None:
        """`task` is done."""
        self._tasks.remove(task)
        if (error := error_of(task)) is not None:
            self._on_error(error)
            error.__traceback__ = None  # its frames hold what failed, which may hold the error
