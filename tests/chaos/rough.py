"""`python -m tests.chaos.rough FAULT RELAY_PORT CALLS`: the half of the calls whom a fault concerns, in real time.

For live.py: callers, agents and functions behind fault proxies, a process of its own, so that what happens to it is not
measured as the relay's doing. Prints where its parts listen, begins at the first line of its standard input, and ends
where that ends.
"""

import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from functions.common.store.folder import FolderStore
from sim.serving import serving
from tests.bench.figures import Samples
from tests.bench.load import Load
from tests.chaos.faults import FAULTS
from tests.chaos.faulty_store import FaultyStore
from tests.chaos.world import Answer, faulty_functions, functions_environment
from tests.support.fault_proxy import FaultProxy


@dataclass
class RoughWorld:
    """The part of a ChaosWorld that a fault acts on."""

    line: FaultProxy
    agent: FaultProxy
    functions: FaultProxy
    store: FaultyStore
    answers: list[Answer] = field(default_factory=list)


async def run(name: str, relay_port: int, calls: int, folder: Path) -> None:
    """`name`: where and what, as live.py lists them."""
    fault = next((fault for fault in FAULTS if str(fault) == name), None)
    load = Load("pcm_8000", Samples(), name="rough")
    agents = f"http://127.0.0.1:{await load.listen(None)}"
    store, answers = FaultyStore(FolderStore(str(folder))), []
    async with AsyncExitStack() as stack:
        functions = await stack.enter_async_context(
            serving(faulty_functions(functions_environment(folder), store, answers))
        )
        world = RoughWorld(
            await stack.enter_async_context(FaultProxy(f"http://127.0.0.1:{relay_port}")),
            await stack.enter_async_context(FaultProxy(agents)),
            await stack.enter_async_context(FaultProxy(functions)),
            store,
            answers,
        )
        print(json.dumps({"shaky": world.agent.url, "backup": agents, "functions": world.functions.url}), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        acting = asyncio.create_task(fault.act(world)) if fault else None
        await asyncio.sleep(0)
        port = int(world.line.url.rpartition(":")[2])
        placing = asyncio.create_task(load.place(calls, port, "/media/shaky", within_s=1))
        await asyncio.to_thread(sys.stdin.read)
        for task in (acting, placing):
            if task is not None:
                task.cancel()
        for line in load.lines:
            line.call.talking = False
            if line.transport is not None:
                line.transport.abort()
        await load.close()


def main() -> None:
    """Until the standard input ends."""
    name, relay_port, calls = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(run(name, int(relay_port), int(calls), Path(folder)))


if __name__ == "__main__":
    main()
