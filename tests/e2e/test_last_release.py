"""Relay and functions are deployed apart, so for a while the last release of one works with this code of the other.

The last release is taken from git as it was, and a whole call with a transfer is played: it needs events, their
answers, the store's layout and the record to be understood on both sides (docs/contracts.md).
"""

import asyncio
import io
import json
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from sim.demo import perform
from sim.live import LiveView
from sim.processes import ROOT
from sim.scenario import load
from tests.support.busy import real_time

LAST = tomllib.loads((ROOT / "tests/fixtures/releases/last.toml").read_text())


@pytest.fixture(scope="module")
def last_release(tmp_path_factory) -> Path:
    """A folder with the code of the last release."""
    folder = tmp_path_factory.mktemp("last-release")
    archive = subprocess.run(["git", "archive", LAST["commit"]], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.fail(f"release {LAST['version']} ({LAST['commit']}) is not in this clone: git fetch --unshallow --tags")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@real_time
async def test_a_call_is_transferred_when_one_side_is_the_last_release(last_release, tmp_path):
    """Both pairs at once: a call takes its time, and the processes hardly any."""
    async with asyncio.timeout(120), asyncio.TaskGroup() as pairs:
        pairs.create_task(_transfer(tmp_path / "older relay", relay_code=last_release))
        pairs.create_task(_transfer(tmp_path / "older functions", functions_code=last_release))


async def _transfer(folder: Path, **code: Path) -> None:
    outcome = await perform(load("transfer_busy"), folder, LiveView(Console(file=io.StringIO())), **code)
    assert outcome.failures == (), folder.name
    (path,) = (folder / "data" / "logs").iterdir()
    record = json.loads(path.read_text())
    assert record["transfer"]["state"] == "answered", folder.name
    assert [attempt["state"] for attempt in record["transfer"]["attempts"]] == ["busy", "answered"], folder.name
    assert record["end_reason"] == "transferred", folder.name
