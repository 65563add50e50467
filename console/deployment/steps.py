"""Steps of a deployment: running commands, checking tools, waiting, and errors."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Problems(Exception):  # noqa: N818  # several, not one
    """Errors that were found before anything was created, one line each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class StepError(Exception):
    """A step failed; says what, and what to do."""


def run(command: Sequence[str], *, cwd: Path = ROOT, environ: Mapping[str, str] | None = None, text: str = "") -> None:
    """Run a command that uses the terminal itself. Files it writes are readable by the user only. Raises StepError."""
    done = subprocess.run(command, cwd=cwd, env=environ, input=text or None, text=True, check=False, umask=0o077)
    if done.returncode:
        raise StepError(f"{' '.join(command[:2])} ended with status {done.returncode}")


def read(command: Sequence[str], *, cwd: Path = ROOT, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command; its exit status and what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=environ, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout


def gcloud(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run gcloud with its warnings apart from its answer, and without prompts."""
    command = ["gcloud", *arguments, "--quiet"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `extra`, for Terraform."""
    return {**os.environ, **extra, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


def missing_tools(commands: Mapping[str, Sequence[str]]) -> list[str]:
    """One line for each tool that is missing or does not work: name → a command that shows that it works."""
    lines = []
    for name, command in commands.items():
        if shutil.which(command[0]) is None:
            lines.append(f"{name}: not installed")
        elif read(command)[0]:
            lines.append(f"{name}: installed, but `{' '.join(command)}` fails")
    return lines


def wait_for(what: str, done: Callable[[], str], patience_s: float, pause_s: float = 5) -> None:
    """Call `done` until it returns "", which means yes; anything else is the current state. Raises StepError."""
    give_up_at = time.monotonic() + patience_s
    said = ""
    while state := done():
        if state != said:
            print(f"waiting: {what}: {state}", flush=True)
            said = state
        if time.monotonic() >= give_up_at:
            raise StepError(f"{what}: still {state} after {patience_s:.0f} s")
        time.sleep(pause_s)
