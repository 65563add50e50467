"""`python -m tests.chaos [CALLS]`: every fault over so many calls (100), a table of what came of it."""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sim import virtual_time
from sim.exotel import CallResult
from tests.chaos.faults import FAULTS
from tests.chaos.pages import conditions, publish
from tests.chaos.run import HEAD, calm_calls, play

_calm: list[CallResult] = []


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _prepare(calls: int) -> None:
    """What the calls beside must sound like: heard once a process."""
    logging.getLogger().addHandler(logging.NullHandler())
    with _folder() as folder:
        _calm[:] = virtual_time.run(calm_calls(folder, calls))


def _play(number: int, calls: int) -> tuple[str, str]:
    """The fault's row, and what is wrong with it."""
    with _folder() as folder:
        report = virtual_time.run(play(FAULTS[number], folder, calls, _calm))
    return report.row(), "" if report.good else f"not as it should be: {report}"


def main() -> int:
    """Exit status 1 when a fault did more harm than it may."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    began = time.monotonic()
    rows, wrong = [], 0
    with ProcessPoolExecutor(os.cpu_count(), initializer=_prepare, initargs=(calls,)) as pool:
        for row, problem in pool.map(_play, range(len(FAULTS)), [calls] * len(FAULTS)):
            print(row, flush=True)
            rows.append(row)
            if problem:
                wrong += 1
                print(problem, file=sys.stderr, flush=True)
    table = "\n".join([HEAD, *rows])
    text = f"{calls} calls for every fault, {conditions(time.monotonic() - began)}.\n\n{table}"
    publish("make chaos", text, "docs/faults.md")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
