"""make mutants: what is broken and how it is put back, which tests are asked, and what their answers mean."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.mutants import copies, results, trying
from scripts.mutants.covering import AT_IMPORT, Covering, Importers, batches, by_name, within_the_copy
from scripts.mutants.results import Result
from scripts.mutants.running import GREEN, LATE, NONE, NOT_FOUND, Bench, Verdict, first_red, without_cases
from scripts.mutants.trying import Budget, Trial
from tests.support.processes import ROOT
from tests.support.terraform import cannot_run

RED = 1
U, V, SLOW = "tests/unit/test_u.py::test_u", "tests/unit/test_v.py::test_v", "tests/integration/test_s.py::test_s"


def tree(folder: Path) -> Path:
    folder.mkdir()
    (folder / "app.py").write_text("x = 1\n")
    (folder / "gone.py").write_text("y = 1\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / ".gitignore").write_text("out/\n")
    return folder


class AnsweringBench(Bench):
    """Answers as told, and notes what the file said meanwhile."""

    def __init__(self, folder: Path, *answers: tuple[int, str]) -> None:
        super().__init__(folder, Path(sys.executable), folder)
        self._answers = list(answers)
        self.asked: list[tuple[str, list[str]]] = []

    def run(self, tests: Sequence[str], limit_s: float) -> tuple[int, str]:
        self.asked.append(((self.tree / "app.py").read_text(), list(tests)))
        return self._answers.pop(0)


def judge(bench: AnsweringBench, *tests: str) -> Verdict:
    trial = Trial(bench, "app.py", "x = 2\n")
    return trial.judge(list(tests), dict.fromkeys(tests, 1.0), Budget(40, 60))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tree(tmp_path / "tree0")


def test_unit_tests_are_asked_first_and_the_first_red_one_is_enough(folder):
    bench = AnsweringBench(folder, (RED, f"FAILED {U} - assert 1 == 2\n"), (GREEN, ""))
    assert judge(bench, SLOW, U) == Verdict("noticed", U, ran=1, could=2)
    assert bench.asked == [("x = 2\n", [U]), ("x = 1\n", [U])]
    assert (folder / "app.py").read_text() == "x = 1\n"


def test_a_line_that_all_leave_green_is_not_noticed(folder):
    bench = AnsweringBench(folder, (GREEN, ""), (NONE, ""))
    assert judge(bench, SLOW, U) == Verdict("not noticed", "green", ran=2, could=2)
    assert judge(bench) == Verdict("not noticed", "no test runs it", ran=0, could=0)


def test_a_test_that_is_red_on_unbroken_code_says_nothing(folder):
    other = f"{SLOW}_other"
    bench = AnsweringBench(folder, (RED, f"FAILED {SLOW} - late\n"), (RED, ""), (GREEN, ""))
    assert judge(bench, SLOW, other).outcome == "not noticed"
    assert bench.asked == [("x = 2\n", [SLOW, other]), ("x = 1\n", [SLOW]), ("x = 2\n", [other])]
    bench = AnsweringBench(folder, (RED, f"FAILED {SLOW} - late\n"), (GREEN, ""))
    assert judge(bench, SLOW, other).outcome == "noticed"


def test_a_test_whose_cases_have_other_names_now_is_asked_as_a_whole(folder):
    bench = AnsweringBench(folder, (NOT_FOUND, ""), (GREEN, ""))
    assert judge(bench, f"{U}[a]", f"{U}[b]").outcome == "not noticed"
    assert bench.asked[1] == ("x = 2\n", [U])
    bench = AnsweringBench(folder, (NOT_FOUND, ""), (NOT_FOUND, ""))
    assert judge(bench, U).outcome == "noticed", "the tests can't even be read"


def test_no_end_is_noticed_only_if_unbroken_code_ends(folder):
    assert judge(AnsweringBench(folder, (LATE, ""), (GREEN, "")), U).outcome == "noticed"
    assert judge(AnsweringBench(folder, (LATE, ""), (LATE, "")), U).outcome == "unclear"


@pytest.mark.parametrize(("clean_s", "outcome"), [(20, "noticed"), (25, "unclear")])
def test_a_busy_machine_is_not_taken_for_an_endless_loop(folder, monkeypatch, clean_s, outcome):
    """A test of one second may take 68: unbroken code has to be through in a third of that."""
    clock = iter([0.0, float(clean_s)])
    monkeypatch.setattr(trying, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert judge(AnsweringBench(folder, (LATE, ""), (GREEN, "")), U).outcome == outcome


def test_a_broken_file_is_put_back_whatever_happens_and_is_always_compiled_anew(folder):
    path = folder / "app.py"
    at = int(path.stat().st_mtime)
    seen = {at}
    for text in ("x = 2\n", "x = 3\n"):
        with contextlib.suppress(KeyboardInterrupt), copies.breaking(path, text):
            assert path.read_text() == text
            seen.add(int(path.stat().st_mtime))
            raise KeyboardInterrupt
        assert (path.read_text(), int(path.stat().st_mtime)) == ("x = 1\n", at)
    assert len(seen) == 3


def test_a_copy_has_what_git_would_have_as_it_stands_and_loses_what_is_gone(folder):
    copy = folder / "out" / "tree1"
    copies.copy(folder, copy)
    assert {path.name for path in copies.files(copy)} == {"app.py", "gone.py", ".gitignore"}
    (folder / "gone.py").unlink()
    (folder / "app.py").write_text("x = 7\n")
    copies.copy(folder, copy)
    assert {path.name for path in copies.files(copy)} == {"app.py", ".gitignore"}
    assert (copy / "app.py").read_text() == "x = 7\n"


def test_what_was_measured_holds_while_code_and_tests_are_the_same(folder):
    (folder / "relay").mkdir()
    (folder / "relay" / "a.py").write_text("a = 1\n")
    before = copies.key(folder)
    (folder / "notes.md").write_text("words")
    assert copies.key(folder) == before
    (folder / "relay" / "a.py").write_text("a = 2\n")
    assert copies.key(folder) != before


COVERING = Covering(
    lines={
        "relay/a.py": {1: {AT_IMPORT}, 2: {AT_IMPORT, V}, 5: {U, SLOW}, 6: {V, U}},
        "relay/b.py": {3: {V}, 4: {V, SLOW}},
    },
    costs={U: 0.2, V: 0.1, SLOW: 5.0},
)


@pytest.fixture
def importers(tmp_path: Path) -> Importers:
    files = {
        "relay/b.py": "from relay.limits import X\n",
        "relay/c.py": "from relay import limits\n",
        "relay/d.py": "import json\n",
        "scripts/table.py": "import relay.limits\n",
        "tests/unit/test_v.py": "from scripts.table import rows\n",
        "tests/integration/test_s.py": "from relay import a\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Importers(tmp_path)


def test_importers_are_found_by_module_and_by_name_and_tests_also_through_scripts(importers):
    assert importers.of("relay/limits.py") == {"relay/b.py", "relay/c.py", "scripts/table.py"}
    assert importers.tests("relay/limits.py") == {"tests/unit/test_v.py"}
    assert importers.tests("relay/a.py") == {"tests/integration/test_s.py"}
    assert importers.of("relay/b.py") == importers.tests("relay/b.py") == set()


def test_tests_that_run_the_line_are_asked_those_that_import_its_file_first_then_those_of_few_files(importers):
    assert COVERING.asked("relay/b.py", [range(4, 5)], False, importers) == [V, SLOW]
    assert COVERING.asked("relay/a.py", [range(5, 6)], False, importers) == [SLOW, U]
    assert COVERING.asked("relay/b.py", [range(7, 8), range(3, 9)], False, importers) == [V, SLOW], "the statement"
    assert COVERING.asked("relay/a.py", [range(9, 10)], False, importers) == []


def test_for_what_runs_at_import_all_tests_of_the_file_are_asked_and_of_its_importers(importers):
    assert COVERING.asked("relay/a.py", [range(1, 2)], True, importers) == [SLOW, U, V]
    assert COVERING.asked("relay/a.py", [range(1, 2)], False, importers) == [SLOW, U, V], "a function called at import"
    assert COVERING.asked("relay/a.py", [range(2, 3)], False, importers) == [SLOW, U, V], "and once in a test"
    assert COVERING.asked("relay/limits.py", [range(1, 2)], True, importers) == [V, SLOW]


def test_the_fourth_case_of_a_test_is_asked_after_other_tests(importers):
    cases = [f"{U}[{number}]" for number in range(5)]
    known = Covering({"relay/d.py": {1: {*cases, V}}}, {**dict.fromkeys(cases, 0.1), V: 0.2})
    assert known.asked("relay/d.py", [range(1, 2)], False, importers) == [*cases[:3], V, *cases[3:]]


def test_a_red_test_is_never_asked(importers):
    assert Covering({"relay/b.py": {1: {U, V}}}, {V: 1.0}).asked("relay/b.py", [range(1, 2)], False, importers) == [V]


def test_runs_are_short_at_first_and_end_with_the_budget():
    tests = {f"t{number}": 1.0 for number in range(10)} | {"long": 30.0}
    assert [len(batch) for batch in batches(tests, tests, 1.0, 8.0)] == [1, 5, 2]


def test_what_was_measured_is_kept_without_loss(tmp_path):
    kept = replace(COVERING, imports={"relay/b.py": {"relay/a.py", "tests/unit/test_v.py"}})
    kept.save(tmp_path / "kept" / "a.json")
    assert Covering.load(tmp_path / "kept" / "a.json") == kept
    assert COVERING.files_of == Counter({V: 2, SLOW: 2, U: 1, AT_IMPORT: 1})


def test_a_file_is_named_as_in_the_working_tree():
    assert within_the_copy("/somewhere/out/mutants/tree1/relay/app.py") == "relay/app.py"


def test_the_red_test_is_read_from_the_summary_and_not_from_a_log():
    log = "ERROR    relay:log.py:62 lost\n"
    assert first_red(f"{log}FAILED {U}[a - b] - assert 1\n1 failed\n", [U, f"{U}[a", f"{U}[a - b]"]) == f"{U}[a - b]"
    assert first_red(f"{log}FAILED {V} - assert 1\nFAILED {U}\n", [U, V]) == V
    assert first_red(f"FAILED {U}\n", [U, V]) == U
    assert first_red("ERROR tests/unit/test_u.py - ImportError: no\n", [U]) == "tests/unit/test_u.py"
    assert first_red("INTERNALERROR> no\n", [U]) is None
    assert without_cases([f"{U}[1]", f"{U}[2]", V]) == [U, V]


def test_results_are_kept_as_found_and_told_by_file(tmp_path):
    found = [
        Result("relay/b.py:2#1", "-x\n+y", Verdict("not noticed", "green", 3, 7)),
        Result("relay/a.py:1#1", "-a\n+b", Verdict("noticed", U, 1, 2)),
        Result("common/c.py:9#2", "-c\n+d", Verdict("not noticed", "no test runs it")),
        Result("relay/d.py:4#1", "-e\n+f", Verdict("unclear", "no end within 90 s, and 80 s on unbroken code", 1, 1)),
    ]
    for result in found:
        results.add(tmp_path / "new" / "kept.jsonl", result)
    assert results.load(tmp_path / "new" / "kept.jsonl") == {result.name: result for result in found}
    text = "".join(results.page(found, "Seed 1"))
    assert text.startswith(
        "# Seed 1\n\n1 of 4 broken lines were noticed (25.0%).\n\n## `common/c.py:9#2`: not noticed (no test"
    )
    assert "## `relay/b.py:2#1`: not noticed (3 of 7 tests that run it)\n\n```diff\n-x\n+y\n```" in text
    assert "relay/a.py" not in text
    assert "80 s on unbroken code" in text


SOURCE = '''"""A module."""

from typing import Final

LIMIT: Final = 3


class Line:
    """A line."""

    @property
    def long(self, at: int = 1) -> "int":
        """Whether it is long."""
        log.info("line_long", "a line is long", length=at)
        return len("abc") > at
'''


def test_what_is_broken_and_what_is_not():
    """By mutmut's operators, in the environment of make mutants."""
    python = MUTANTS
    if not python.exists():
        cannot_run("mutmut is missing: make .cache/mutants/.installed")
    code = """
import json, sys
from scripts.mutants.breaking import broken, places
source = sys.stdin.read()
found = [(p.lines.start, p.statement.stop, p.at_import, broken(source, n)) for n, p in enumerate(places(source))]
print(json.dumps(found))
"""
    run = subprocess.run([python, "-c", code], input=SOURCE, cwd=ROOT, check=True, capture_output=True, text=True)
    before = SOURCE.splitlines()
    found = []
    for line, end, at_import, text in json.loads(run.stdout):
        assert text is not None
        [(number, after)] = [
            (n, a) for n, (b, a) in enumerate(zip(before, text.splitlines(), strict=True), 1) if b != a
        ]
        assert (number, end) == (line, line + 1)
        found.append((line, after.strip(), at_import))
    assert found == [
        (5, "LIMIT: Final = None", True),
        (5, "LIMIT: Final = 4", True),
        (12, 'def long(self, at: int = 2) -> "int":', True),
        (14, 'log.info("line_long", "a line is long", length=None)', False),
        (14, 'log.info("line_long", "a line is long", )', False),
        (15, 'return len("abc") >= at', False),
    ]


def test_a_test_that_imports_a_file_by_name_at_run_time_is_asked_about_its_constants(importers):
    """tests/contract/test_events.py reads the lists of every vendor's codec so, and runs no line of them."""
    tree = "/somewhere/tree1"
    pairs = [[f"{tree}/{SLOW}", f"{tree}/relay/b.py"], [f"{tree}/{SLOW}", "/elsewhere/importlib/b.py"]]
    lines, imports = by_name([{"test": SLOW, "imported_before": [], "imported": pairs}])
    known = Covering(lines, {SLOW: 1.0}, imports)
    assert known.asked("relay/b.py", [range(1, 2)], True, importers) == [SLOW]
    assert known.asked("relay/limits.py", [range(1, 2)], True, importers) == [SLOW], "which relay/b.py imports"
    assert known.asked("relay/b.py", [range(1, 2)], False, importers) == [], "in a function that it does not run"


def test_tests_of_a_file_that_imports_another_by_name_are_asked_about_it(importers):
    """relay/agents/__init__.py imports every vendor's folder so, before the first test."""
    tree = "/somewhere/tree1"
    note = {"test": U, "imported_before": [[f"{tree}/relay/a.py", f"{tree}/relay/plugin.py"]], "imported": []}
    lines, imports = by_name([note])
    assert (lines, imports) == ({}, {"relay/plugin.py": {"relay/a.py"}})
    known = Covering(COVERING.lines, COVERING.costs, imports)
    assert known.asked("relay/plugin.py", [range(1, 2)], True, importers) == [U, V, SLOW]


MUTANTS = ROOT / ".cache/mutants/bin/python"


def plugin(folder: Path, test: str) -> dict[str, dict]:
    """The notes on tests that were run with the plugin."""
    (folder / "test_it.py").write_text(test)
    environment = {**os.environ, "MUTANTS_NOTES": str(folder / "notes"), "PYTHONPATH": str(ROOT)}
    options = ["-q", "-p", "no:cacheprovider", "-p", "scripts.mutants.plugin", "--rootdir", folder, folder]
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    notes = [json.loads(line) for line in (folder / "notes").read_text().splitlines()]
    return {note["test"].partition("::")[2]: note for note in notes}


def test_only_this_machine_is_reached_and_what_is_not_green_is_noted(tmp_path):
    """A broken line may send a call's sound to a vendor's real address."""
    notes = plugin(
        tmp_path,
        """
import socket
import pytest

def test_here():
    with socket.create_server(("127.0.0.1", 0)) as there:
        socket.create_connection(there.getsockname()).close()
        socket.create_connection(("localhost", there.getsockname()[1])).close()

def test_elsewhere():
    with pytest.raises(OSError, match="192.0.2.1 is not on this machine"):
        socket.socket().connect(("192.0.2.1", 80))
    with pytest.raises(socket.gaierror, match="only this machine is reached"):
        socket.getaddrinfo("vendor.example", 443)

def test_red():
    assert False

def test_skipped():
    pytest.skip()

@pytest.fixture
def broken():
    yield
    raise ValueError

def test_red_afterwards(broken):
    pass
""",
    )
    assert {name: note["passed"] for name, note in notes.items()} == {
        "test_here": True,
        "test_elsewhere": True,
        "test_red": False,
        "test_skipped": False,
        "test_red_afterwards": False,
    }
    assert all(note["wall_s"] >= 0 and note["cpu_s"] >= 0 for note in notes.values())


def test_what_a_test_imports_by_name_is_noted_for_it_and_not_for_the_next(tmp_path):
    (tmp_path / "limits.py").write_text("LIMIT = 3\n")
    notes = plugin(
        tmp_path,
        """
import importlib

import limits

NAME = "limits"
importlib.import_module(NAME)

def test_one():
    assert importlib.import_module(NAME).LIMIT == 3

def test_another():
    assert limits.LIMIT == 3
""",
    )
    pair = [str(tmp_path / "test_it.py"), str(tmp_path / "limits.py")]
    assert {name: (pair in note["imported_before"], note["imported"]) for name, note in notes.items()} == {
        "test_one": (True, [pair]),
        "test_another": (False, []),
    }


def test_from_start_to_end(tmp_path):
    """A line that a unit test holds, one that another test's child process runs, and one that no test runs."""
    if not MUTANTS.exists():
        cannot_run("mutmut is missing: make .cache/mutants/.installed")
    files = {
        "relay/a.py": "def double(x):\n    return x * 2\n",
        "relay/agents/acme/fake.py": "def left_alone(x):\n    return x > 2\n",
        "functions/b.py": "import sys\nsys.exit(3)\n",
        "common/c.py": "def nobody(x):\n    return x > 2\n",
        "tests/unit/test_a.py": "from relay.a import double\ndef test_double():\n    assert double(3) == 6\n",
        "tests/integration/test_b.py": "import subprocess, sys\ndef test_status():\n"
        "    run = subprocess.run([sys.executable, '-m', 'functions.b'], env={})\n    assert run.returncode == 3\n",
        "tests/contract/test_none.py": "",
        ".gitignore": "/out/\n/.cache/\n",
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for again in (False, True):
        command = [MUTANTS, "-m", "scripts.mutants", "--count", "50"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert run.stdout.endswith("4 of 6 broken lines were noticed; the others are in out/mutants.md\n"), run.stdout
        assert ("measuring" in run.stdout, run.stdout.count("noticed: ")) == ((False, 0) if again else (True, 6))
        assert run.returncode == 1, "4 of 6 is below 90 %"
    command = [MUTANTS, "-m", "scripts.mutants", "--only", "common/c.py:2#1", "--tests", "tests/unit/none.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (1, "make mutants: tests/unit/none.py: no such file\n")
    page = (tmp_path / "out/mutants.md").read_text()
    assert "## `common/c.py:2#1`: not noticed (no test runs it)" in page
    assert "relay/a.py" not in page
    assert "functions/b.py" not in page
    for name in ("relay/a.py", "functions/b.py", "common/c.py"):
        assert (tmp_path / name).read_text() == files[name]
