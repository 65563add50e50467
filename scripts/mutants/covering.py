"""Which tests run which line, measured once for each state of the code; which of them to ask about a broken line."""

import ast
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from scripts.mutants.copies import PARTS
from scripts.mutants.running import environ

AT_IMPORT: Final = ""
"""Stands for what ran outside of any test: modules are imported before the first."""
IMPORTING: Final = ("common", "console", "functions", "relay", "scripts", "sim", "tests")
BY_NAME: Final = 0
"""Stands for the line of a file that ran when a test imported it by a name that is known at run time only."""
UNIT: Final = "tests/unit/"
_PHASE: Final = re.compile(r" \((?:setup|call|teardown)\)$")


class Importers:
    """Which files of a tree import which, or a name of it."""

    def __init__(self, root: Path) -> None:
        self._found: dict[str, set[str]] = defaultdict(set)
        for path in sorted(path for part in IMPORTING for path in (root / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for module in _modules(node):
                    for imported in (f"{module}.py", f"{module}/__init__.py"):
                        self._found[imported].add(str(path.relative_to(root)))

    def of(self, name: str) -> set[str]:
        """Files that import this one."""
        return self._found[name]

    def tests(self, name: str) -> set[str]:
        """Files of tests that import this one, or a script that does."""
        scripts = {other for other in self._found[name] if other.startswith("scripts/")}
        found = self._found[name].union(*(self._found[script] for script in scripts))
        return {other for other in found if other.startswith("tests/")}


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.replace(".", "/") for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        module = node.module.replace(".", "/")
        yield from (module, *(f"{module}/{alias.name}" for alias in node.names))


@dataclass
class Covering:
    """Lines to tests, and what each test that passes on unbroken code costs."""

    lines: dict[str, dict[int, set[str]]]
    """File to line (from 1, or BY_NAME) to tests; AT_IMPORT is one of them."""
    costs: dict[str, float]
    """Test to seconds: of the processor, or of the clock for what mostly waits."""
    imports: dict[str, set[str]] = field(default_factory=dict)
    """File to the files that import it by a name that they have at run time."""
    files_of: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.files_of = Counter(test for lines in self.lines.values() for test in set().union(*lines.values()))

    @classmethod
    def load(cls, path: Path) -> Self:
        """As `save` wrote it."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        tests: list[str] = kept["tests"]
        lines = {
            name: {int(line): {tests[number] for number in numbers} for line, numbers in found.items()}
            for name, found in kept["lines"].items()
        }
        return cls(lines, kept["costs"], {name: set(by) for name, by in kept["imports"].items()})

    def save(self, path: Path) -> None:
        """A test's name stands in the file once."""
        tests = sorted(self.files_of)
        number = {test: place for place, test in enumerate(tests)}
        lines = {
            name: {line: sorted(number[test] for test in there) for line, there in found.items()}
            for name, found in self.lines.items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        imports = {name: sorted(by) for name, by in self.imports.items()}
        kept = {"tests": tests, "costs": self.costs, "lines": lines, "imports": imports}
        path.write_text(json.dumps(kept), encoding="utf-8")

    def running(self, name: str, lines: Iterable[int]) -> set[str]:
        """Tests that run one of these lines, and AT_IMPORT."""
        found = self.lines.get(name, {})
        return set().union(*(found.get(line, set()) for line in lines))

    def asked(self, name: str, places: Sequence[Iterable[int]], at_import: bool, importers: Importers) -> list[str]:
        """Tests that could notice that a line of the file is broken, the likeliest and cheapest first.

        Args:
            places: the lines of the change, then those of the statement round it: the first that anything ran.
            at_import: it runs at import: every test is asked that runs a line of the file or of one that imports it,
                or stands in a file that imports it.
        """
        ran = next((found for lines in places if (found := self.running(name, lines))), set())
        about = importers.tests(name)
        if at_import or AT_IMPORT in ran:
            ran |= {test for test in self.costs if test.partition("::")[0] in about}
            for other in {name, *importers.of(name), *self.imports.get(name, ())}:
                ran |= self.running(other, self.lines.get(other, {}))
        known = [test for test in ran if test in self.costs]
        known.sort(key=lambda test: (test.partition("::")[0] not in about, self.files_of[test], self.costs[test], test))
        return _variants_last(known)


def _variants_last(tests: Sequence[str]) -> list[str]:
    """Three cases of a test, then the next test: the fortieth case rarely sees what the first three did not."""
    seen: Counter[str] = Counter()
    ranked = []
    for place, test in enumerate(tests):
        case = test.partition("[")[0]
        ranked.append((seen[case] // 3, place, test))
        seen[case] += 1
    return [test for _, _, test in sorted(ranked)]


def batches(tests: Iterable[str], costs: Mapping[str, float], first_s: float, all_s: float) -> Iterator[list[str]]:
    """The first tests that cost no more than `all_s` together: a run of about `first_s`, then longer ones."""
    each_s = first_s
    batch: list[str] = []
    spent = total = 0.0
    for test in tests:
        if total + costs[test] > all_s:
            continue
        batch.append(test)
        spent, total = spent + costs[test], total + costs[test]
        if spent >= each_s:
            yield batch
            batch, spent, each_s = [], 0.0, 5 * first_s
    if batch:
        yield batch


def read(data: Iterable[Path], notes: Iterable[Mapping[str, Any]]) -> Covering:
    """What coverage and the plugin of ours wrote, from all processes of a run."""
    from coverage import CoverageData

    notes = list(notes)
    lines, imports = by_name(notes)
    for path in data:
        found = CoverageData(str(path))
        found.read()
        for measured in found.measured_files():
            name = within_the_copy(measured)
            for line, contexts in found.contexts_by_lineno(measured).items():
                lines[name][line] |= {_PHASE.sub("", context) for context in contexts}
    costs = {note["test"]: max(note["cpu_s"], note["wall_s"] / 2) for note in notes if note["passed"]}
    return Covering({name: dict(there) for name, there in lines.items()}, costs, imports)


def by_name(notes: Iterable[Mapping[str, Any]]) -> tuple[dict[str, dict[int, set[str]]], dict[str, set[str]]]:
    """Imports by a name that is known at run time only.

    A test that makes one is asked as if it ran a line of the imported file. Where a file makes one, its tests are asked
    as if it imported the other as usual.
    """
    lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    imports: dict[str, set[str]] = defaultdict(set)
    for note in notes:
        for pair in (*note["imported_before"], *note["imported"]):
            by, imported = map(within_the_copy, pair)
            if imported.partition("/")[0] in PARTS:
                imports[imported].add(by)
        for _, imported in note["imported"]:
            if within_the_copy(imported).partition("/")[0] in PARTS:
                lines[within_the_copy(imported)][BY_NAME].add(note["test"])
    return lines, dict(imports)


def within_the_copy(path: str) -> str:
    """`…/tree0/relay/app.py` → `relay/app.py`."""
    return re.sub(r"^.*/tree\d+/", "", path)


def measure(trees: Sequence[Path], python: Path, folder: Path) -> Covering:
    """Run the tests in copies of the working tree, unit tests in one, those of parts together in the other.

    Raises:
        RuntimeError: the tests could not be run at all.
    """
    folder.mkdir(parents=True)
    settings = folder / "coveragerc"
    settings.write_text(
        f"[run]\nsource_pkgs = {','.join(PARTS)}\nparallel = True\nsigterm = True\ndata_file = {folder}/data\n"
        "context = ${PYTEST_CURRENT_TEST-}\n"  # of child processes; in pytest's own our plugin says whose line it is
        "disable_warnings = no-data-collected,module-not-imported,module-not-measured,couldnt-parse\n"
    )
    runs = []
    for number, (tree, parts) in enumerate(
        zip(trees, (["tests/unit"], ["tests/integration", "tests/contract"]), strict=True)
    ):
        environment = {"COVERAGE_PROCESS_START": str(settings), "MUTANTS_NOTES": str(folder / f"notes{number}")}
        options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-p", "scripts.mutants.plugin"]
        options += ["--continue-on-collection-errors"]
        with (folder / f"log{number}").open("wb") as log:
            command = [str(python), "-m", "pytest", *options, *parts]
            runs.append(subprocess.Popen(command, cwd=tree, env=environ(environment), stdout=log, stderr=log))
    for run in runs:
        run.wait()
    notes = [
        json.loads(line) for path in folder.glob("notes*") for line in path.read_text(encoding="utf-8").splitlines()
    ]
    if not notes:
        raise RuntimeError(f"no test could be run: see {folder}/log0")
    red = sorted(note["test"] for note in notes if not note["passed"])
    print(f"{len(notes) - len(red)} tests are asked about broken lines; {len(red)} are red or skipped: {folder}/log*")
    return read(folder.glob("data.*"), notes)
