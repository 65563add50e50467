"""Which broken lines are tried: a random sample of all, the same one for the same code and seed."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from scripts.mutants.breaking import Place, broken, places
from scripts.mutants.copies import PARTS

FAKES: Final = "relay/agents/*/fake*.py"
"""They stand beside the vendors, but belong to the tests."""


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


def sample(root: Path, seed: int, kept: Path) -> list[Mutant]:
    """All that can be broken, in random order: the first 20 are also the first 20 of 200.

    `kept`: a file for all places, which take a minute to find; its name stands for the state of the code.
    """
    if not kept.exists():
        paths = [path for part in PARTS for path in sorted((root / part).rglob("*.py")) if not path.match(FAKES)]
        rows = [_row(mutant) for path in paths for mutant in _of(root, str(path.relative_to(root)))]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(rows), encoding="utf-8")
    everything = [
        Mutant(name, file, number, Place(range(*lines), range(*statement), at_import))
        for name, file, number, lines, statement, at_import in json.loads(kept.read_text(encoding="utf-8"))
    ]
    random.Random(seed).shuffle(everything)
    return everything


def _row(mutant: Mutant) -> tuple[Any, ...]:
    lines, statement = mutant.place.lines, mutant.place.statement
    ends = ((lines.start, lines.stop), (statement.start, statement.stop))
    return (mutant.name, mutant.file, mutant.number, *ends, mutant.place.at_import)


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
