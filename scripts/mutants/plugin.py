"""A pytest plugin of make mutants: notes whether each test passed, its cost and its lines; no test reaches the network.

MUTANTS_NOTES in the environment names the file for the notes, a line of JSON a test; without it nothing is noted.
Noted, too: which files are imported by a name that is known at run time only, by a test, or before it.
"""

import contextlib
import importlib
import ipaddress
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

KEPT: Final = ("COVERAGE_PROCESS_START", "PYTEST_CURRENT_TEST", "PYTHONDONTWRITEBYTECODE")
"""Variables that a test's child processes need for their lines to be counted for the test."""

_notes: dict[str, dict[str, Any]] = {}
_imported: set[tuple[str, str]] = set()
"""Since the last note: the file that imports, the file that is imported."""


def pytest_configure() -> None:
    """Close the network, and let child processes be measured even if a test gives them an environment of their own."""
    sys.addaudithook(_stay_here)
    begin = subprocess.Popen.__init__

    def measured(self: Any, *args: Any, **options: Any) -> None:
        if options.get("env") is not None:
            options["env"] = {**options["env"], **{name: os.environ[name] for name in KEPT if name in os.environ}}
        begin(self, *args, **options)

    if "COVERAGE_PROCESS_START" in os.environ:
        subprocess.Popen.__init__ = measured  # type: ignore[method-assign]
    if "MUTANTS_NOTES" in os.environ:
        importlib.import_module = _noting(importlib.import_module)


def _noting(begin: Any) -> Any:
    """Notes each import by name. A module that was imported before runs no line again, but a test may read its
    constants.
    """

    def noted(name: str, package: str | None = None) -> Any:
        module = begin(name, package)
        if path := getattr(module, "__file__", None):
            _imported.add((sys._getframe(1).f_code.co_filename, path))
        return module

    return noted


def _stay_here(event: str, args: tuple[Any, ...]) -> None:
    """A broken line may send a call's sound to a vendor's real address: only this machine is reached."""
    if event == "socket.connect" and isinstance(args[1], tuple) and not _is_here(args[1][0]):
        raise OSError(f"make mutants: {args[1][0]} is not on this machine")
    if event == "socket.getaddrinfo" and args[0] and not _is_here(args[0]):
        raise socket.gaierror(socket.EAI_NONAME, "make mutants: only this machine is reached")


def _is_here(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name)
        return address.is_loopback or address.is_unspecified
    return name == "localhost" or name.endswith(".localhost")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Everything from a test's first fixture to its last is its own."""
    note = _notes[item.nodeid] = {"test": item.nodeid, "passed": True}
    before = sorted(_imported)
    _imported.clear()
    switch = _switch()
    switch(item.nodeid)
    wall, cpu = time.monotonic(), _cpu()
    try:
        return (yield)
    finally:
        note |= {"wall_s": round(time.monotonic() - wall, 3), "cpu_s": round(_cpu() - cpu, 3)}
        note |= {"imported_before": before, "imported": sorted(_imported)}
        _imported.clear()
        switch("")
        if path := os.environ.get("MUTANTS_NOTES"):
            with Path(path).open("a", encoding="utf-8") as notes:
                notes.write(json.dumps(note) + "\n")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that is red or skipped on unbroken code can't notice anything."""
    if report.outcome != "passed" and report.nodeid in _notes:
        _notes[report.nodeid]["passed"] = False


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _switch() -> Any:
    if "COVERAGE_PROCESS_START" not in os.environ:
        return lambda _: None
    from coverage import Coverage

    current = Coverage.current()
    assert current is not None, "expected to run under coverage"
    return current.switch_context
