"""What the suite's workers share among them (tests/conftest.py)."""

import os
import subprocess
import sys

from tests.support.processes import ROOT

MODULE = """
import os
import pytest

SEEN = set()

@pytest.mark.parametrize("number", range(8))
def test_all_on_one_worker(number):
    SEEN.add(number)
    assert SEEN == set(range(number + 1))
    with open(os.environ["PLAYED"], "a") as file:
        file.write(f"{__file__} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""

COMPILED = """
import pathlib
import time

def compiled_relay():
    made = pathlib.Path(os.environ["PLAYED"]).with_name("compiled")
    while not made.exists():
        time.sleep(0.01)
    return made.read_text()

def test_it_was_begun_once():
    assert compiled_relay() == "x"
"""
"""What a module adds that needs the compiled relay."""


def test_what_shares_a_deployment_stays_together_and_begins_first(tmp_path):
    """An update of pytest once took the groups away without a word: each worker applied Terraform's files again."""
    tests = tmp_path / "tests"
    for folder in ("unit", "e2e", "e2e/console", "terraform/aws"):
        (tests / folder).mkdir(parents=True, exist_ok=True)
        for name in ("test_a.py", "test_b.py"):
            (tests / folder / name).write_text(MODULE)
    (tests / "e2e/test_a.py").write_text(MODULE + COMPILED)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/compile_relay.py").write_text("with open('compiled', 'a') as file: file.write('x')")
    (tests / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "tests"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ = {**own, "PLAYED": str(tmp_path / "played")}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout
    played = [line.split() for line in (tmp_path / "played").read_text().splitlines()]
    assert len(played) == 64
    for group in ("/terraform/aws/", "/e2e/test_", "/e2e/console/"):
        [worker] = {worker for file, worker in played if group in file}
        own = [file for file, by in played if by == worker]
        begun = next(place for place, file in enumerate(own) if group in file)
        assert [file for file in own[begun : begun + 16] if group not in file] == [], "one after another"
    for one in {worker for _, worker in played}:
        others = ["/unit/" in file for file, worker in played if worker == one]
        assert others == sorted(others), "those of a group come first"
    alone = [file for file, _ in played if "/e2e/test_" in file]
    assert alone[0].endswith("test_b.py"), "what needs the compiled relay comes after what does not"
