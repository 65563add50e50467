"""The pages' scripts: typed, linted, and short enough to be read. `make lint` runs the same; here a test sees to it."""

import os
import shutil
import subprocess

import pytest

from sim.processes import ROOT

JS = ROOT / ".cache" / "js" / "node_modules" / ".bin"
SCRIPTS = sorted([*ROOT.glob("console/*/page/*.[jt]s"), *ROOT.glob("console/web/shared/*.js")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT / "console").as_posix())
def test_no_line_is_too_long_and_the_first_says_what_it_is(script):
    lines = script.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("// ")
    assert len(lines) <= 400


@pytest.mark.skipif(
    not shutil.which("npm") and not os.environ.get("CI"), reason="NOT TESTED: the pages' scripts need node and npm"
)
def test_types_and_lint_of_all_scripts():
    done = subprocess.run(["make", "--silent", "lint-js"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
