"""Tasks that end together: those of a call, or of an agent's time on it."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any


class Tasks:
    """`on_error` gets what a task raised; the others go on."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run `work` beside the others."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    async def stop(self, *, but: Collection["asyncio.Task[None]"] = ()) -> None:
        """Cancel all, except the calling task and those in `but`, and wait for them."""
        tasks = [task for task in self._tasks if task not in {asyncio.current_task(), *but}]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _reap(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(error)
