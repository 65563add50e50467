"""The environments that make sets up beside .venv: each anew when its own requirements change, none by another's."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# As `python -m venv --clear FOLDER` makes one: bin/python leads to the one Python of the system.
PYTHON = """#!/bin/sh
for folder; do :; done
mkdir -p "$folder/bin" && ln -sf "$0" "$folder/bin/python"
printf '#!/bin/sh\\necho "$0 $*" >> {asked}\\n' | tee "$folder/bin/pip" > "$folder/bin/uv"
chmod +x "$folder/bin/pip" "$folder/bin/uv"
"""


@pytest.fixture
def make(tmp_path: Path):
    """Runs make in a folder with our files and a Python that installs nothing; what was asked to be installed."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for folder in ("make", "requirements"):
        (tmp_path / folder).mkdir()
        for file in (ROOT / folder).iterdir():
            if file.suffix in {".mk", ".txt"}:
                (tmp_path / folder / file.name).write_text(file.read_text())
                os.utime(tmp_path / folder / file.name, (1000, 1000))
    asked = tmp_path / "asked"
    python = tmp_path / "python"
    python.write_text(PYTHON.format(asked=asked))
    python.chmod(0o755)
    os.utime(python, (500, 500))

    def run(name: str) -> list[str]:
        asked.write_text("")
        command = ["make", f"PYTHON={python}", f".cache/{name}/.installed"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return [line.partition("--require-hashes ")[2] for line in asked.read_text().splitlines() if "/uv " in line]

    return run


def test_an_environment_is_rebuilt_when_its_requirements_change(make, tmp_path):
    """Make looks through links: by bin/python, whatever environment was made last stood for all of them."""
    assert make("contract") == ["-r requirements/contract.txt"]
    assert make("contract") == []
    os.utime(tmp_path / "requirements/contract.txt", (2000, 2000))
    os.utime(tmp_path / ".cache/contract/.installed", (1500, 1500))
    assert make("pipecat") == ["-r requirements/pipecat.txt"]
    assert make("contract") == ["-r requirements/contract.txt"]
    assert (tmp_path / "python").stat().st_mtime == 500, "the system's Python is not ours to touch"


def test_mutmut_is_installed_beside_what_the_tests_need(make):
    assert sorted(make("mutants")[0].split(" -r ")) == ["-r requirements/mutants.txt", "requirements/dev.txt"]


def test_no_environment_is_known_by_its_python():
    for file in [ROOT / "Makefile", *sorted((ROOT / "make").glob("*.mk"))]:
        assert not re.search(r"^(?!\t|#|\w+ :=).*\.cache/\S+/bin/", file.read_text(), re.MULTILINE), file.name
