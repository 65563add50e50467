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
    """One broken version of one file."""

    name: str
    """`relay/app.py:12#3`: the third of those that begin in that line."""
    file: str
    number: int
    """Among all of the file."""
    place: Place
    text: str
    """The whole file, broken."""
    diff: str


def sample(root: Path, seed: int, parts: tuple[str, ...] = PARTS) -> Iterator[Mutant]:
    """All that can be broken, in random order: the first 20 are also the first 20 of 200."""
    everything = [
        (name, number, place, title)
        for part in parts
        for path in sorted((root / part).rglob("*.py"))
        for name in [str(path.relative_to(root))]
        for number, (title, place) in enumerate(_titled(name, path.read_text(encoding="utf-8")))
    ]
    random.Random(seed).shuffle(everything)
    for name, number, place, title in everything:
        if mutant := _mutant(root, name, number, place, title):
            yield mutant


def named(root: Path, title: str) -> Mutant:
    """The one of that name.

    Raises:
        ValueError: there is none.
    """
    name = title.partition(":")[0]
    for number, (found, place) in enumerate(_titled(name, (root / name).read_text(encoding="utf-8"))):
        if found == title and (mutant := _mutant(root, name, number, place, title)):
            return mutant
    raise ValueError(f"{title} is not known: expected FILE:LINE#NUMBER as in out/mutants.md")


def _titled(name: str, source: str) -> Iterator[tuple[str, Place]]:
    seen: Counter[int] = Counter()
    for place in places(source):
        line = place.lines.start
        seen[line] += 1
        yield f"{name}:{line}#{seen[line]}", place


def _mutant(root: Path, name: str, number: int, place: Place, title: str) -> Mutant | None:
    source = (root / name).read_text(encoding="utf-8")
    text = broken(source, number)
    if text is None:
        return None
    lines = unified_diff(source.splitlines(), text.splitlines(), n=0, lineterm="")
    diff = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
    return Mutant(title, name, number, place, text, diff)
