"""Real servers for tests: started on a free port of 127.0.0.1, waited for, and ended by their process id."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sim.processes import free_port as free_port

ROOT = Path(__file__).resolve().parent.parent.parent


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    """Until `condition` holds; it is asked every few milliseconds. Fails with `what` when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.02)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def server(
    command: Sequence[str], port: int, environment: Mapping[str, str], folder: Path = ROOT, *, within_s: float = 120.0
) -> Iterator["Served"]:
    """`command` as a process until it listens on `port`; ended afterwards. Its output is in `Served.output`."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=dict(environment), cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        served = Served(process, port, output)
        try:
            wait_for(lambda: served.up(), f"{command} to listen on {port}:\n{served.output()}", within_s)
            yield served
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen, port: int, output) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._output = output

    def up(self) -> bool:
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output()}"
        return listening(self.port)

    def output(self) -> str:
        """Everything it has written so far."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")


@contextmanager
def moto_server() -> Iterator[Served]:
    """AWS, as far as moto goes."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with server(command, port, {**BARE, "PYTHONWARNINGS": "ignore"}) as served:
        yield served


@contextmanager
def gcs_emulator() -> Iterator[Served]:
    """Cloud Storage with preconditions."""
    port = free_port()
    with server([sys.executable, "-m", "tests.support.gcs_emulator", str(port)], port, BARE) as served:
        yield served


def aws_environment(url: str) -> dict[str, str]:
    """What points boto3, and so a Lambda, at moto."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "ap-south-1",
        "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
"""An environment with nothing of the developer's in it."""
