"""What the suite's workers share among them (tests/conftest.py)."""

import os
import subprocess
import sys

from tests.support.processes import ROOT

MODULE = """
import os
import pathlib
import time
import pytest

SEEN = set()
PLAYED = pathlib.Path(os.environ["PLAYED"])

def made(name):
    while not (made := PLAYED.with_name(name)).exists() or not made.read_text():
        time.sleep(0.01)
    return made.read_text()

@pytest.mark.parametrize("number", range(8))
def test_all_on_one_worker(number):
    made("image")  # the worker that has it made would else be done before
    SEEN.add(number)
    assert SEEN == set(range(number + 1))
    with open(PLAYED, "a") as file:
        file.write(f"{__file__} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
COMPILED = """
compiled_relay = None

def test_both_were_begun_once():
    assert (made("compiled"), made("image")) == ("x", "x")
"""
"""What a module adds that needs the compiled relay."""
MAKING = "with open('{name}', 'a') as file: file.write('x')"


def test_what_shares_a_deployment_stays_together_and_begins_first(tmp_path):
    """An update of pytest once took the groups away without a word: each worker applied Terraform's files again."""
    tests = tmp_path / "tests"
    for folder in ("unit", "e2e", "e2e/console", "terraform/aws"):
        (tests / folder).mkdir(parents=True, exist_ok=True)
        for name in ("test_a.py", "test_b.py"):
            (tests / folder / name).write_text(MODULE)
    (tests / "e2e/test_a.py").write_text(MODULE + COMPILED)
    (tests / "e2e/test_relay_image.py").write_text(MODULE)
    for made, script in (("compiled", "scripts/compile_relay.py"), ("image", "tests/support/container.py")):
        (tmp_path / script).parent.mkdir()
        (tmp_path / script).write_text(MAKING.format(name=made))
    (tests / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "tests"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ = {**own, "PLAYED": str(tmp_path / "played")}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout
    played = [line.split() for line in (tmp_path / "played").read_text().splitlines()]
    assert len(played) == 72
    for folder in ("terraform/aws", "e2e", "e2e/console"):
        group = {str(tests / folder / name) for name in ("test_a.py", "test_b.py")}
        [worker] = {worker for file, worker in played if file in group}
        own = [file for file, by in played if by == worker]
        begun = next(place for place, file in enumerate(own) if file in group)
        assert {*own[begun : begun + 16]} == group, "one after another"
    for one in {worker for _, worker in played}:
        others = ["/unit/" in file for file, worker in played if worker == one]
        assert others == sorted(others), "those of a group come first"
    alone = [file for file, _ in played if "/e2e/test_" in file and "image" not in file]
    assert alone[0].endswith("test_b.py"), "what needs the compiled relay comes after what does not"
