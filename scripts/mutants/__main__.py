"""Measures how many broken lines the tests notice: a random sample of mutmut's mutants of relay, functions and common.

make mutants COUNT=20 SEED=1; works on copies in out/mutants/, writes out/mutants.md; status 1 below 90 %
"""

import argparse
import signal
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Final

from scripts.mutants import copies, covering, results
from scripts.mutants.covering import Covering, Importers
from scripts.mutants.results import Result
from scripts.mutants.running import Bench
from scripts.mutants.sampling import Mutant, named, sample
from scripts.mutants.trying import Budget, Trial

ENOUGH: Final = 0.9
ROOT: Final = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Measure which tests run which line, break lines, write what was not noticed."""
    options = _options().parse_args(arguments)
    for test in options.tests:
        if not (root / test.partition("::")[0]).exists():
            sys.exit(f"make mutants: {test}: no such file")
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell that starts it in the background has it ignore the latter
        signal.signal(number, signal.default_int_handler)
    out, key = root / "out" / "mutants", copies.key(root)
    trees = [out / f"tree{number}" for number in range(2)]
    for tree in trees:
        copies.copy(root, tree)
    measured = root / ".cache" / "mutants" / "covering" / f"{key}.json"
    known = None if options.tests else _covering(trees, measured, out / f"measured-{key}")
    kept = out / (f"only-{key}.jsonl" if options.only else f"seed{options.seed}-{key}.jsonl")
    if options.only:
        kept.unlink(missing_ok=True)
    chosen = [named(root, name) for name in options.only] or sample(root, options.seed, out / f"places-{key}.json")
    budget = Budget(options.unit_seconds, options.other_seconds)
    crew = _Crew(root, chosen, len(options.only) or options.count, known, options.tests, kept, budget)
    benches = [Bench(tree, Path(sys.executable), out) for tree in trees]
    with ThreadPoolExecutor(len(benches)) as pool:
        try:
            list(pool.map(crew.work, benches))
        except BaseException:
            for bench in benches:
                bench.stop()
            raise
    (root / "out" / "mutants.md").write_text("".join(results.page(crew.found, f"Broken lines, seed {options.seed}")))
    noticed, of = results.share(crew.found)
    print(f"{noticed} of {of} broken lines were noticed; the others are in out/mutants.md")
    return 0 if noticed >= ENOUGH * of else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unit-seconds", type=float, default=40, help="of unit tests, for one broken line")
    parser.add_argument("--other-seconds", type=float, default=60, help="of integration and contract tests, likewise")
    parser.add_argument("--only", nargs="*", default=[], metavar="FILE:LINE#NUMBER")
    parser.add_argument("--tests", nargs="*", default=[], help="test files to ask instead of those that run the line")
    return parser


def _covering(trees: list[Path], kept: Path, folder: Path) -> Covering:
    if kept.exists():
        return Covering.load(kept)
    print("measuring which tests run which line: some minutes, once for each state of the code", flush=True)
    found = covering.measure(trees, Path(sys.executable), folder)
    found.save(kept)
    return found


class _Crew:
    """Tries mutants until there are enough, one in each copy at a time."""

    def __init__(
        self,
        root: Path,
        chosen: Iterable[Mutant],
        count: int,
        known: Covering | None,
        tests: list[str],
        kept: Path,
        budget: Budget,
    ) -> None:
        self.found: list[Result] = []
        self._root = root
        self._left = iter(chosen)
        self._count = count
        self._begun = 0
        self._known = known
        self._tests = tests
        self._kept = kept
        self._budget = budget
        self._done = results.load(kept)
        self._importers = Importers(root)
        self._lock = Lock()

    def work(self, bench: Bench) -> None:
        """Take one after the other."""
        while taken := self._next():
            mutant, text = taken
            tests, costs = self._asked(mutant)
            verdict = Trial(bench, mutant.file, text).judge(tests, costs, self._budget)
            result = Result(mutant.name, mutant.diff(self._root, text), verdict)
            with self._lock:
                results.add(self._kept, result)
                self.found.append(result)
            print(f"{verdict.outcome}: {mutant.name} ({verdict.how[:100]})", flush=True)

    def _next(self) -> tuple[Mutant, str] | None:
        with self._lock:
            while self._begun < self._count and (mutant := next(self._left, None)):
                if mutant.name in self._done:
                    self._begun += 1
                    self.found.append(self._done[mutant.name])
                elif text := mutant.text(self._root):
                    self._begun += 1
                    return mutant, text
        return None

    def _asked(self, mutant: Mutant) -> tuple[list[str], dict[str, float]]:
        if self._known is None:
            return self._tests, dict.fromkeys(self._tests, 2.0)
        lines = (mutant.place.lines, mutant.place.statement)
        return self._known.asked(mutant.file, lines, mutant.place.at_import, self._importers), self._known.costs


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("make mutants: stopped; the same command goes on from here")
