"""The process under test: started on a core of its own, and what the kernel says it costs."""

import asyncio
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sim.processes import free_port as free_port

ROOT = Path(__file__).resolve().parent.parent.parent
RELAY_CORE, LOAD_CORE = 0, 1
_START_LIMIT = 60.0
_STOP_LIMIT = 20.0
_PR_SET_PDEATHSIG = 1


def relay_environ(*, source: bool = False, python: str = sys.executable) -> dict[str, str]:
    """What makes `python -m relay` run compiled, as in the image, or from its source.

    It is compiled once for each content, for a minute, and beside other work for three: standard error says so.
    """
    if source:
        return {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)}
    made = subprocess.run([python, ROOT / "scripts/compile_relay.py"], stdout=subprocess.PIPE, text=True, check=True)
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{made.stdout.strip()}:{ROOT}"}


class Subject:
    """A running `python -m …` that answers HTTP on `port`."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], port: int, log: Path) -> None:
        """`arguments`: interpreter first. Output goes to `log`."""
        self.port = port
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                arguments,
                env={**os.environ, **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_the_benchmark,
            )
        if os.cpu_count() != 1:
            os.sched_setaffinity(self._process.pid, {RELAY_CORE})

    @property
    def pid(self) -> int:
        """For a profiler."""
        return self._process.pid

    async def ready(self, within_s: float = _START_LIMIT) -> None:
        """Wait until it takes calls."""
        async with limit(within_s, f"{self._process.args} to answer /ready, see {self._log}"):
            while not await self._answers():
                if self._process.poll() is not None:
                    raise RuntimeError(f"{self._process.args} stopped at once, see {self._log}")
                await asyncio.sleep(0.05)

    @property
    def _pids(self) -> list[int]:
        """Its own, and those of the processes that it has started."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [self.pid, *map(int, children.read_text().split())]

    def cpu_s(self) -> float:
        """CPU time of all its threads and children, user and system, in nanosecond steps where /proc/PID/stat has
        10 ms.
        """
        # clock_getcpuclockid(3), which Python does not have
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self._pids)

    def wakeups(self) -> int:
        """How often it has slept and was woken since it began."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", status, re.MULTILINE)[1])

    def memory_kb(self) -> int:
        """Its and its children's memory, without the pages of files: what its share of them is depends on others."""
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids)
        return sum(int(re.search(r"^Anonymous: +(\d+) kB", rollup, re.MULTILINE)[1]) for rollup in rollups)

    async def loop_lag_ms(self) -> float | None:
        """The bucket of the relay's own histogram that no timer of its event loop has exceeded so far."""
        text = (await self._get("/metrics")).decode()
        buckets = re.findall(r'^relay_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text, re.MULTILINE)
        counts = {float(bound): float(count) for bound, count in buckets}
        return next((bound * 1000 for bound, count in counts.items() if count == max(counts.values())), None)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for what does not heed it, or if the benchmark is interrupted meanwhile."""
        self._process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, _STOP_LIMIT)
        finally:
            self._process.kill()  # nothing, if it has ended
            self._process.wait()

    async def _answers(self) -> bool:
        try:
            return (await self._get("/ready")).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            return False

    async def _get(self, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n".encode())
        try:
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def limit(seconds: float, what: str) -> AsyncIterator[None]:
    """A time for the block; TimeoutError says what did not come."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as late:
        raise TimeoutError(f"waited {seconds:g} s in vain for {what}") from late


def _end_with_the_benchmark() -> None:
    """In the new process: SIGKILL when the one that has begun it is gone, also if that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def take_load_core() -> None:
    """Keep this process off the subject's core."""
    if sys.platform != "linux":
        raise SystemExit("the benchmark reads /proc and pins processes to cores: it needs Linux")
    if os.cpu_count() != 1:
        os.sched_setaffinity(0, {LOAD_CORE})
