"""Measures how much personal data the rules of REDACT find: the table of docs/privacy.md.

    python -m scripts.redaction_figures [--missed]

The corpus is tests/fixtures/redaction.tsv. Found: marked places of a rule of which no letter and no digit is left,
whichever rule redacted them. Right: finds of a rule that touch a marked place.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from functions.common.redaction import Rule, Span, find

CORPUS = Path(__file__).parents[1] / "tests" / "fixtures" / "redaction.tsv"
_MARKED = re.compile(r"\{([a-z]+):([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`marked`: the parts of `text` that must be redacted; `before`: what was said before it."""

    before: str
    text: str
    marked: tuple[Span, ...]


@dataclass(slots=True)
class Figures:
    """Of one rule: `marked` places in the corpus, how many are `gone`; `finds`, and how many of these are `right`."""

    marked: int = 0
    gone: int = 0
    finds: int = 0
    right: int = 0


def sentences() -> Iterator[Sentence]:
    """The sentences of the corpus, in order."""
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        before, _, said = line.partition("\t")
        text, marked, reached = "", [], 0
        for place in _MARKED.finditer(said):
            text += said[reached : place.start()]
            marked.append(Span(len(text), len(text) + len(place[2]), Rule(place[1])))
            text, reached = text + place[2], place.end()
        yield Sentence(before, text + said[reached:], tuple(marked))


def left_over(sentence: Sentence, found: list[Span]) -> list[Span]:
    """The marked places that were not redacted completely."""
    taken = {place for span in found for place in range(span.start, span.end)}
    return [
        span
        for span in sentence.marked
        if any(sentence.text[place].isalnum() and place not in taken for place in range(span.start, span.end))
    ]


def measured() -> dict[Rule, Figures]:
    """The figures of all rules over the whole corpus."""
    figures = {rule: Figures() for rule in Rule}
    for sentence in sentences():
        found = find(sentence.text, before=sentence.before)
        left = left_over(sentence, found)
        for span in sentence.marked:
            figures[span.rule].marked += 1
            figures[span.rule].gone += span not in left
        for span in found:
            figures[span.rule].finds += 1
            figures[span.rule].right += any(
                span.start < other.end and other.start < span.end for other in sentence.marked
            )
    return figures


def table() -> str:
    """The table in docs/privacy.md."""
    lines = ["| Rule | In the corpus | Found (recall) | Finds that are right (precision) |", "|---|---|---|---|"]
    figures = measured()
    total = Figures(*(sum(getattr(one, name) for one in figures.values()) for name in Figures.__slots__))
    for name, one in [*((f"`{rule}`", figures[rule]) for rule in sorted(Rule)), ("all", total)]:
        found, right = f"{one.gone} ({one.gone / one.marked:.0%})", f"{one.right} of {one.finds}"
        lines.append(f"| {name} | {one.marked} | {found} | {right} ({one.right / one.finds:.0%}) |")
    return "\n".join(lines)


def main() -> None:
    print(table())
    if "--missed" in sys.argv:
        for sentence in sentences():
            found = find(sentence.text, before=sentence.before)
            wrong = [
                span for span in found if not any(span.start < o.end and o.start < span.end for o in sentence.marked)
            ]
            for kind, spans in (("missed", left_over(sentence, found)), ("wrong", wrong)):
                for span in spans:
                    print(f"{kind} {span.rule}: {sentence.text[span.start : span.end]!r} in {sentence.text!r}")


if __name__ == "__main__":
    main()
