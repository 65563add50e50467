"""Parts of the product as real processes, by name, and the lines that they have logged: a test waits for those."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sim.processes import INHERITED
from tests.support.processes import ROOT


class LoggingProcesses:
    """`patience_s`: how long anything may take."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._lines: dict[str, list[dict[str, Any]]] = {}
        self._logged = asyncio.Condition()

    def lines(self) -> Iterable[dict[str, Any]]:
        """Of all of them, in no order."""
        return [line for lines in self._lines.values() for line in lines]

    def count(self, name: str, event: str) -> int:
        """How often a process has logged it."""
        return sum(line["event"] == event for line in self._lines[name])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for lines that make it true."""
        async with asyncio.timeout(self._patience_s), self._logged:
            await self._logged.wait_for(condition)

    @asynccontextmanager
    async def running(
        self, name: str, environ: Mapping[str, str], module: str = "relay", begins: str = "listening"
    ) -> AsyncIterator[None]:
        """`python -m MODULE`, once it has logged `begins`."""
        inherited = {variable: os.environ[variable] for variable in INHERITED if variable in os.environ}
        process = self._processes[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=ROOT, env=inherited | dict(environ), stdout=asyncio.subprocess.PIPE
        )
        self._lines[name] = []
        reading = asyncio.create_task(self._read(name, process))
        try:
            await self.until(lambda: self.count(name, begins) == 1)
            yield
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading

    def terminate(self, name: str) -> None:
        """Tell it to finish what it has begun."""
        self._processes[name].terminate()

    async def ended(self, name: str) -> None:
        """Wait until it has, in order."""
        async with asyncio.timeout(self._patience_s):
            assert await self._processes[name].wait() == 0, name

    async def _read(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            async with self._logged:
                self._lines[name].append(json.loads(line))
                self._logged.notify_all()
