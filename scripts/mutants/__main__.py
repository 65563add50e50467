"""Measures how many broken lines the tests notice: a random sample of mutmut's mutants of relay, functions and common.

make mutants COUNT=20 SEED=1; works on copies in out/mutants/, writes out/mutants.md; status 1 below 90 %
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from scripts.mutants import copies, covering, results
from scripts.mutants.covering import Covering
from scripts.mutants.results import Result
from scripts.mutants.running import Bench
from scripts.mutants.sampling import PARTS, Mutant, named, sample
from scripts.mutants.trying import Budget, Trial

ENOUGH: Final = 0.9
ROOT: Final = Path(__file__).parents[2]
OUT: Final = ROOT / "out" / "mutants"
KEPT: Final = ROOT / ".cache" / "mutants" / "covering"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure which tests run which line, break lines, write what was not noticed."""
    options = _options().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell that starts it in the background has it ignore the latter
        signal.signal(number, signal.default_int_handler)
    key = copies.key(ROOT)
    trees = [OUT / f"tree{number}" for number in range(2)]
    for tree in trees:
        copies.copy(ROOT, tree)
    known = None if options.tests else _covering(trees, KEPT / f"{key}.json", OUT / f"measured-{key}")
    chosen = [named(ROOT, name) for name in options.only] or list(islice(sample(ROOT, options.seed), options.count))
    kept = OUT / (f"only-{key}.jsonl" if options.only else f"seed{options.seed}-{key}.jsonl")
    if options.only:
        kept.unlink(missing_ok=True)
    done = results.load(kept)
    benches = [Bench(tree, Path(sys.executable), OUT) for tree in trees]
    crew = _Crew(benches, known, options, kept)
    with ThreadPoolExecutor(len(trees)) as pool:
        try:
            found = [*pool.map(crew.try_one, [one for one in chosen if one.name not in done])]
        except BaseException:
            for bench in benches:
                bench.stop()
            pool.shutdown(cancel_futures=True)
            raise
    found += [done[one.name] for one in chosen if one.name in done]
    (ROOT / "out" / "mutants.md").write_text("".join(results.page(found, f"Broken lines, seed {options.seed}")))
    noticed, of = results.share(found)
    print(f"{noticed} of {of} broken lines were noticed; the others are in out/mutants.md")
    return 0 if noticed >= ENOUGH * of else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
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
    """Tries mutants, one in each copy at a time."""

    def __init__(self, benches: list[Bench], known: Covering | None, options: argparse.Namespace, kept: Path) -> None:
        self._free: SimpleQueue[Bench] = SimpleQueue()
        for bench in benches:
            self._free.put(bench)
        self._known = known
        self._options = options
        self._kept = kept
        self._importers = covering.importers(ROOT, PARTS)

    def try_one(self, mutant: Mutant) -> Result:
        """Its verdict, which is also kept on disk."""
        tests: list[str] = self._options.tests
        costs = dict.fromkeys(tests, 2.0)
        if self._known:
            place, others = mutant.place, self._importers[mutant.file]
            tests = self._known.asked(mutant.file, (place.lines, place.statement), place.at_import, others)
            costs = self._known.costs
        bench = self._free.get()
        try:
            trial = Trial(bench, mutant.file, mutant.text)
            result = Result(mutant.name, mutant.diff, trial.judge(tests, costs, Budget()))
        finally:
            self._free.put(bench)
        results.add(self._kept, result)
        print(f"{result.verdict.outcome}: {result.name} ({result.verdict.how[:100]})", flush=True)
        return result


if __name__ == "__main__":
    sys.exit(main())
