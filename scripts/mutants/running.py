"""Runs tests in a copy of the tree, with bounds on time and memory, and says what they mean for a broken line."""

import contextlib
import os
import re
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

GREEN: Final = 0
NOT_FOUND: Final = 4
NONE: Final = 5
"""What pytest answers: all passed, a test or conftest could not be found or read, no test was run."""
LATE: Final = -1
_MEMORY: Final = 8 << 30
_FILE: Final = 1 << 30
"""Bytes that a process of a broken line may use, and that one file may have."""

Outcome = Literal["noticed", "not noticed", "unclear"]


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant."""

    outcome: Outcome
    how: str
    ran: int = 0
    """Tests that were run; of `could` that run the line."""
    could: int = 0


class StoppedError(Exception):
    """The run was interrupted: nothing is known of the line that was being tried."""


@dataclass
class Bench:
    """A copy of the tree and the Python that runs tests in it."""

    tree: Path
    python: Path
    folder: Path
    """For lists of tests and their output."""
    _process: subprocess.Popen[bytes] | None = None
    _stopped: bool = False

    def stop(self) -> None:
        """End what runs, and run nothing more."""
        self._stopped = True
        if self._process:
            _kill(self._process)

    def run(self, tests: Sequence[str], limit_s: float) -> tuple[int, str]:
        """Pytest's status, and the end of its output; LATE after `limit_s` seconds of the clock.

        Raises:
            StoppedError: `stop` was called.
        """
        if self._stopped:
            raise StoppedError
        self.folder.mkdir(parents=True, exist_ok=True)
        listed = self.folder / f"{self.tree.name}-tests"
        listed.write_text("".join(f"{test}\n" for test in tests), encoding="utf-8")
        output = ["-q", "-rfE", "--tb=line", "--show-capture=no"]
        options = ["-x", *output, "-p", "no:cacheprovider", "-p", "scripts.mutants.plugin"]
        with (self.folder / f"{self.tree.name}-log").open("w+b") as log:
            process = subprocess.Popen(
                [self.python, "-m", "pytest", *options, f"@{listed}"],
                cwd=self.tree, env=environ({}), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_bounded,
            )  # fmt: skip
            self._process = process
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = LATE
            finally:
                _kill(process)
                self._process = None
            if self._stopped:
                raise StoppedError
            log.seek(0)
            return status, log.read()[-20_000:].decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With the processes that its tests have started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def environ(more: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, with hypothesis's examples the same each time."""
    ours = ("COVERAGE_", "PYTEST_", "MUTANTS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "HYPOTHESIS_PROFILE": "ci", **more}


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))


def first_red(output: str, asked: Sequence[str]) -> str | None:
    """The test that pytest's summary names first, or the file that it could not import.

    The name of a case may have anything in it, the " - " before pytest's reason, too.
    """
    found = re.search(r"^(?:FAILED|ERROR) (tests/.+)$", output, re.MULTILINE)
    if not found:
        return None
    named = [test for test in asked if f"{found[1]} - ".startswith(f"{test} - ")]
    return max(named, key=len, default=found[1].partition(" - ")[0])


def without_cases(tests: Sequence[str]) -> list[str]:
    """Whole tests for cases whose names a broken line may have changed."""
    return list(dict.fromkeys(test.partition("[")[0] for test in tests))
