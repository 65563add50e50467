"""What came of each broken line: kept as it is found, so that a run can go on where it stopped, and told as a page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scripts.mutants.running import Verdict


@dataclass(frozen=True)
class Result:
    """One mutant and its verdict."""

    name: str
    diff: str
    verdict: Verdict


def load(path: Path) -> dict[str, Result]:
    """Results of an earlier run on the same code, by name."""
    kept = msgspec.json.Decoder(Result).decode_lines(path.read_bytes()) if path.exists() else []
    return {result.name: result for result in kept}


def add(path: Path, result: Result) -> None:
    """One more, at once on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(result) + b"\n")


def share(results: Iterable[Result]) -> tuple[int, int]:
    """How many were noticed, and of how many: what is unclear counts as not noticed."""
    outcomes = [result.verdict.outcome for result in results]
    return outcomes.count("noticed"), len(outcomes)


def page(results: Iterable[Result], title: str) -> Iterator[str]:
    """Markdown: the share that was noticed, and each broken line that was not, by file."""
    found = sorted(results, key=lambda result: result.name)
    noticed, of = share(found)
    yield f"# {title}\n\n{noticed} of {of} broken lines were noticed ({noticed / of:.1%}).\n"
    for result in found:
        if result.verdict.outcome != "noticed":
            verdict = result.verdict
            asked = f"{verdict.ran} of {verdict.could} tests that run it" if verdict.could else "no test runs it"
            yield f"\n## `{result.name}`: {verdict.outcome} ({asked})\n\n```diff\n{result.diff}\n```\n"
            if verdict.outcome == "unclear":
                yield f"\n{verdict.how}\n"
