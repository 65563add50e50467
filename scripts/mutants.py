"""Measures how many broken lines the tests notice: a random sample of mutmut's mutants of relay, functions and common.

python scripts/mutants.py MUTMUT [SAMPLE] [SEED]     works in mutants/, writes out/mutants.md; status 1 below 90 %
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

ENOUGH: Final = 0.9
KILLED: Final = {1, 3, 37}
"""Exit statuses of a test run that noticed the mutant: red, an internal error, or a type error."""
TIMED_OUT: Final = {24, -24, 36, 152, 255}
"""The run took too long: an endless loop, or only a busy machine. Counted separately."""
NO_TESTS: Final = 33
MUTANTS: Final = Path("mutants")


def statuses(folder: Path) -> dict[str, int | None]:
    """Mutant → exit status, as stored by mutmut; None if it was not tried."""
    found: dict[str, int | None] = {}
    for meta in sorted(folder.rglob("*.meta")):
        found |= json.loads(meta.read_text())["exit_code_by_key"]
    return found


def sample(names: Sequence[str], size: int, seed: int) -> list[str]:
    """A random sample of names; the same one for the same code and seed."""
    return random.Random(seed).sample(sorted(names), min(size, len(names)))


def report(tried: Mapping[str, int | None], diffs: Mapping[str, str]) -> Iterator[str]:
    """Markdown: the share that was noticed, and each mutant that was not."""
    killed = sum(status in KILLED for status in tried.values())
    late = sum(status in TIMED_OUT for status in tried.values())
    yield f"{killed} of {len(tried)} mutants were noticed ({killed / len(tried):.0%}); {late} more took too long.\n"
    for name, diff in diffs.items():
        status = tried[name]
        how = "took too long" if status in TIMED_OUT else f"status {status}"
        why = "no test runs it" if status == NO_TESTS else how
        yield f"\n## `{name}` ({why})\n\n```diff\n{diff.strip()}\n```\n"


def main(mutmut: str, size: int, seed: int) -> int:
    """Make the mutants, try a sample, write what survived."""
    subprocess.run([mutmut, "run", "--max-children", "1", "no.such.mutant"], check=False, stdout=subprocess.DEVNULL)
    names = sample(list(statuses(MUTANTS)), size, seed)
    if not names:
        print("make mutants: the tests don't pass on unbroken code: run them in mutants/", file=sys.stderr)
        return 2
    subprocess.run([mutmut, "run", "--max-children", "2", *names], check=False)
    all_now = statuses(MUTANTS)
    tried = {name: all_now[name] for name in names}
    if None in tried.values():
        print("make mutants: not all of the sample could be tried: see above", file=sys.stderr)
        return 2
    diffs = {name: _diff(mutmut, name) for name, status in tried.items() if status not in KILLED}
    Path("out").mkdir(exist_ok=True)
    Path("out/mutants.md").write_text("".join(report(tried, diffs)))
    killed = len(tried) - len(diffs)
    print(f"{killed} of {len(tried)} mutants were noticed; the others are in out/mutants.md")
    return 0 if killed >= ENOUGH * len(tried) else 1


def _diff(mutmut: str, name: str) -> str:
    return subprocess.run([mutmut, "show", name], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    program, *numbers = sys.argv[1:]
    sys.exit(main(program, *map(int, numbers or (200, 1))))
