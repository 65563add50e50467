"""What the vendors' own SDKs say about messages; they run in an environment and a process of their own."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".cache/contract/bin/python"
SCRIPTS = ROOT / "tests/contract/sdk"


def sdk_python() -> Path:
    """The interpreter of that environment. In CI it has to be there; elsewhere the test is skipped and says why."""
    if not PYTHON.exists():
        problem = "the vendors' SDKs are not installed: make .cache/contract/.installed"
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    return PYTHON


class SdkModels:
    """Asks tests/contract/sdk/models.py, which answers a line for a line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sdk_python(), SCRIPTS / "models.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _ask(self, **question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the SDKs' process is gone: {question}"
        return json.loads(answer)

    def problem(self, vendor: str, side: str, message: dict[str, Any]) -> str:
        """What the SDK has against a message that `side` said; empty for nothing."""
        return self._ask(vendor=vendor, side=side, message=message)

    def server_events(self, vendor: str) -> list[str]:
        """Everything that the SDK knows the server may say."""
        return self._ask(vendor=vendor)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)  # it imports for a while, and a busy machine is slow
