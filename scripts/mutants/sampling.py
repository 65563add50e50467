"""Which broken lines are tried: a random sample of all, the same one for the same code and seed."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

from scripts.mutants.breaking import Place, broken, places

PARTS: Final = ("relay", "functions", "common")


@dataclass(frozen=True)
class Mutant:
    """One way to break one file."""

    name: str
    """`relay/app.py:12#3`: the third of those that begin in that line."""
    file: str
    number: int
    """Among all of the file."""
    place: Place

    def text(self, root: Path) -> str | None:
        """The whole file, broken; None if it says the same as before or is no Python."""
        return broken((root / self.file).read_text(encoding="utf-8"), self.number)

    def diff(self, root: Path, text: str) -> str:
        """The lines that differ."""
        before = (root / self.file).read_text(encoding="utf-8").splitlines()
        lines = unified_diff(before, text.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def sample(root: Path, seed: int) -> list[Mutant]:
    """All that can be broken, in random order: the first 20 are also the first 20 of 200."""
    files = [str(path.relative_to(root)) for part in PARTS for path in sorted((root / part).rglob("*.py"))]
    everything = [mutant for file in files for mutant in _of(root, file)]
    random.Random(seed).shuffle(everything)
    return everything


def named(root: Path, name: str) -> Mutant:
    """The one of that name.

    Raises:
        ValueError: there is none.
    """
    file = name.partition(":")[0]
    known = _of(root, file) if (root / file).is_file() else ()
    for mutant in known:
        if mutant.name == name:
            return mutant
    raise ValueError(f"{name} is not known: expected FILE:LINE#NUMBER as in out/mutants.md")


def _of(root: Path, file: str) -> Iterator[Mutant]:
    seen: Counter[int] = Counter()
    for number, place in enumerate(places((root / file).read_text(encoding="utf-8"))):
        line = place.lines.start
        seen[line] += 1
        yield Mutant(f"{file}:{line}#{seen[line]}", file, number, place)
