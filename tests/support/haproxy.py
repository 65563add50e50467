"""haproxy, for tests that rehearse with a real load balancer."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import server
from tests.support.terraform import cannot_run

HEAD = """
global
    stats socket {admin} level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
"""
"""Begins a configuration, in which further lines of `defaults` may follow. `admin`: path of the control socket."""
_PATH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"


def required() -> None:
    """Skip where it is not installed; in CI that is a failure."""
    if shutil.which("haproxy", path=_PATH) is None:
        cannot_run("haproxy is not installed")


@contextmanager
def balancing(file: Path, port: int) -> Iterator[None]:
    """haproxy with the configuration in `file`, which listens on `port`."""
    with server(["haproxy", "-db", "-f", str(file)], port, {"PATH": _PATH}):
        yield
