"""Tasks that end together: what one raises, and what is left of those that are done."""

import asyncio
import gc
import weakref

from relay.tasks import Tasks
from tests.support.virtual import virtual


async def fail() -> None:
    raise ZeroDivisionError


@virtual
async def test_what_a_task_raises_is_reported_and_the_others_go_on():
    errors, done = [], []
    tasks = Tasks(errors.append)

    async def work() -> None:
        await asyncio.sleep(1)
        done.append(True)

    tasks.spawn(fail())
    tasks.spawn(work())
    await asyncio.sleep(2)
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert done == [True]


@virtual
async def test_all_are_stopped_but_those_that_are_named_and_the_one_that_stops_them():
    ended, tasks = [], Tasks(lambda error: None)

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            ended.append(name)

    kept = tasks.spawn(work("kept"))
    tasks.spawn(work("other"))

    async def stop() -> None:
        await tasks.stop(but=(kept,))
        ended.append("stopped")

    await tasks.spawn(stop())
    assert ended == ["other", "stopped"]
    await tasks.stop()
    assert ended == ["other", "stopped", "kept"]


@virtual
async def test_a_task_that_is_done_is_not_kept():
    """A call has hundreds, one for each report and for each tool."""
    tasks = Tasks(lambda error: None)
    done = weakref.ref(tasks.spawn(asyncio.sleep(1)))
    tasks.spawn(asyncio.sleep(10))
    await asyncio.sleep(2)
    gc.collect()
    assert done() is None
    await tasks.stop()


@virtual
async def test_those_that_end_in_time_are_waited_for_and_the_others_cancelled():
    ended, tasks = [], Tasks(lambda error: None)

    async def work(seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            ended.append(seconds)
        except asyncio.CancelledError:
            ended.append("cancelled")

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                if len(ended) == 3:
                    raise

    began = asyncio.get_running_loop().time()
    await tasks.end(1.0)
    assert asyncio.get_running_loop().time() == began
    last = tasks.spawn(deaf())
    tasks.spawn(work(0.5))
    tasks.spawn(work(5.0))
    await tasks.end(1.0)
    assert ended == [0.5, "cancelled"]
    assert asyncio.get_running_loop().time() - began == 2.0
    ended.append("enough")
    last.cancel()
