"""Child processes of the demo: started with exactly the given environment, watched, and ended by their id."""

import asyncio
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parent.parent
START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 15.0
_PORTS = range(10_000, 32_000)
_PROCESSES = 8  # that look for ports at the same time, and whose ids are likely to follow one another
_given: set[int] = set()
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


class StartError(RuntimeError):
    """A child did not start: which one, and the end of its log."""


def free_port() -> int:
    """A free port on the loopback interface that was not returned before.

    It is below the range from which the system assigns ports: a port of that range could be in use by a client by the
    time a server needs it. Concurrent processes choose from different ranges, because a port is not in use at once.
    """
    ours = [port for port in _PORTS[os.getpid() % _PROCESSES :: _PROCESSES] if port not in _given]
    for port in random.SystemRandom().sample(ours, k=min(100, len(ours))):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise StartError("no free port found on 127.0.0.1")


@asynccontextmanager
async def child(
    module: str, environment: Mapping[str, str], *, port: int, path: str, log: Path, code: Path = ROOT
) -> AsyncIterator[str]:
    """Run `python -m module` until the block ends; yields its base URL once `path` there answers below 500.

    Its output goes to `log`; `code`: the folder that the module is imported from. Raises StartError if the process ends
    or does not answer.
    """
    variables = {name: os.environ[name] for name in INHERITED if name in os.environ}
    variables |= {"HOST": "127.0.0.1", "PORT": str(port), "PYTHONUNBUFFERED": "1", **environment}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=code, env=variables, stdout=output, stderr=asyncio.subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            await _answers(process, url + path, module, log)
            yield url
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(STOP_PATIENCE_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()


async def _answers(process: asyncio.subprocess.Process, url: str, module: str, log: Path) -> None:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + START_PATIENCE_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while process.returncode is None and loop.time() < give_up_at:
            try:
                async with session.get(url) as response:
                    if response.status < 500:
                        return
            except (TimeoutError, aiohttp.ClientError):
                pass
            await asyncio.sleep(0.1)
    what = "did not answer" if process.returncode is None else f"ended with status {process.returncode}"
    raise StartError(f"{module} {what}. The end of its log {log}:\n{_tail(log)}")


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
