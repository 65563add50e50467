"""make mutants: what is broken and how it is put back, which tests are asked, and what their answers mean."""

import contextlib
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.mutants import copies, results
from scripts.mutants.covering import AT_IMPORT, Covering, batches, importers, within_the_copy
from scripts.mutants.results import Result
from scripts.mutants.running import GREEN, LATE, NONE, NOT_FOUND, Verdict, first_red, without_cases
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


class AnsweringBench:
    """Answers as told, and notes what the file said meanwhile."""

    def __init__(self, folder: Path, *answers: tuple[int, str]) -> None:
        self.tree = folder
        self._answers = list(answers)
        self.asked: list[tuple[str, list[str]]] = []

    def run(self, tests: Sequence[str], limit_s: float) -> tuple[int, str]:
        self.asked.append(((self.tree / "app.py").read_text(), list(tests)))
        return self._answers.pop(0)


def judge(bench: AnsweringBench, *tests: str) -> Verdict:
    trial = Trial(bench, "app.py", "x = 2\n")  # type: ignore[arg-type]
    return trial.judge(list(tests), dict.fromkeys(tests, 1.0), Budget())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tree(tmp_path / "tree0")


def test_unit_tests_are_asked_first_and_the_first_red_one_is_enough(folder):
    bench = AnsweringBench(folder, (RED, f"FAILED {U} - assert 1 == 2\n"))
    assert judge(bench, SLOW, U) == Verdict("noticed", U, ran=1, could=2)
    assert bench.asked == [("x = 2\n", [U])]
    assert (folder / "app.py").read_text() == "x = 1\n"


def test_a_line_that_all_leave_green_is_not_noticed(folder):
    bench = AnsweringBench(folder, (GREEN, ""), (NONE, ""))
    assert judge(bench, SLOW, U) == Verdict("not noticed", "green", ran=2, could=2)
    assert judge(bench) == Verdict("not noticed", "no test runs it", ran=0, could=0)


def test_a_test_in_real_time_that_is_red_on_unbroken_code_says_nothing(folder):
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
        "relay/a.py": {1: {AT_IMPORT}, 5: {U, SLOW}, 6: {V, U}},
        "relay/b.py": {3: {V}, 4: {V, SLOW}},
    },
    costs={U: 0.2, V: 0.1, SLOW: 5.0},
)


def test_tests_that_run_the_line_are_asked_those_of_few_files_first():
    assert COVERING.asked("relay/a.py", [range(5, 6)], False, []) == [U, SLOW]
    assert COVERING.asked("relay/a.py", [range(7, 8), range(6, 9)], False, []) == [U, V], "the statement round it"
    assert COVERING.asked("relay/a.py", [range(9, 10)], False, []) == []


def test_for_what_runs_at_import_all_tests_of_the_file_are_asked_and_then_its_importers():
    assert COVERING.asked("relay/a.py", [range(1, 2)], True, ["relay/b.py"]) == [U, V, SLOW]
    assert COVERING.asked("relay/a.py", [range(1, 2)], False, []) == [U, V, SLOW], "a function called at import"
    assert COVERING.asked("relay/none.py", [range(1, 2)], True, ["relay/b.py"]) == [V, SLOW]


def test_the_fourth_case_of_a_test_is_asked_after_other_tests():
    cases = [f"{U}[{number}]" for number in range(5)]
    known = Covering({"relay/a.py": {1: {*cases, V}}}, {**dict.fromkeys(cases, 0.1), V: 0.2})
    assert known.asked("relay/a.py", [range(1, 2)], False, []) == [*cases[:3], V, *cases[3:]]


def test_a_red_test_is_never_asked():
    assert Covering({"relay/a.py": {1: {U, V}}}, {V: 1.0}).asked("relay/a.py", [range(1, 2)], False, []) == [V]


def test_runs_are_short_at_first_and_end_with_the_budget():
    tests = {f"t{number}": 1.0 for number in range(10)} | {"long": 30.0}
    assert [len(batch) for batch in batches(tests, tests, 1.0, 8.0)] == [1, 5, 2]


def test_what_was_measured_is_kept_without_loss(tmp_path):
    COVERING.save(tmp_path / "kept" / "a.json")
    assert Covering.load(tmp_path / "kept" / "a.json") == COVERING
    assert COVERING.files_of == Counter({V: 2, SLOW: 2, U: 1, AT_IMPORT: 1})


def test_a_file_is_named_as_in_the_working_tree():
    assert within_the_copy("/somewhere/out/mutants/tree1/relay/app.py") == "relay/app.py"


def test_importers_are_found_by_module_and_by_name(tmp_path):
    (tmp_path / "relay").mkdir()
    (tmp_path / "relay" / "a.py").write_text("from relay.limits import X\n")
    (tmp_path / "relay" / "b.py").write_text("from relay import limits\n")
    (tmp_path / "relay" / "c.py").write_text("import json\n")
    assert importers(tmp_path, ["relay"])["relay/limits.py"] == {"relay/a.py", "relay/b.py"}


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
    python = ROOT / ".cache/mutants/bin/python"
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
