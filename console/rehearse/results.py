"""The results of a rehearsal: pass rates by caller, figures, and the comparison with a baseline. As JSON and JUnit."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from common.documents import Document, decode, mapping, number
from console.rehearse.runs import Played
from console.rehearse.statistics import Difference, Rate
from console.rehearse.suite import Suite, SuiteError
from console.rehearse.timing import percentile
from console.rehearse.under_load import LoadFigures

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Results:
    """All calls of one rehearsal. `unplayed`: calls left out because the budget was used up. `load`: of a load test."""

    suite: Suite
    played: Sequence[Played]
    unplayed: int = 0
    load: LoadFigures | None = None

    @property
    def rate(self) -> Rate:
        """Over all calls."""
        return Rate(sum(call.passed for call in self.played), len(self.played))

    def rates(self) -> dict[str, Rate]:
        """By caller, in the suite's order."""
        return {
            caller.name: Rate(sum(call.passed for call in self._of(caller.name)), len(self._of(caller.name)))
            for caller in self.suite.callers
        }

    def _of(self, name: str) -> list[Played]:
        return [call for call in self.played if call.caller.name == name]

    def figures(self) -> dict[str, int | float | None]:
        """Over all calls: answer times as the callers heard them, minutes, cost."""
        answers = [answer for call in self.played for answer in call.observed.timing.answers]
        first = [call.observed.timing.first for call in self.played if call.observed.timing.first is not None]
        costs = [call.observed.cost for call in self.played if call.observed.cost is not None]
        return {
            "answer_p50_ms": percentile(answers, 0.5),
            "answer_p95_ms": percentile(answers, 0.95),
            "first_words_p50_ms": percentile(first, 0.5),
            "first_words_p95_ms": percentile(first, 0.95),
            "minutes": round(sum(call.observed.duration_s for call in self.played) / 60, 2),
            "cost": round(sum(costs), 4) if costs else None,
        }

    def failed_expectations(self) -> Counter[str]:
        """How many calls failed each expectation."""
        return Counter(name for call in self.played for name in {finding.expectation for finding in call.findings})

    def as_json(self) -> dict[str, Any]:
        """What --baseline reads."""
        return {
            "schema": SCHEMA,
            "suite": {"title": self.suite.file.title, "fingerprint": fingerprint(self.suite)},
            "unplayed": self.unplayed,
            "rates": {name: {"passed": rate.passed, "runs": rate.runs} for name, rate in self.rates().items()},
            "figures": self.figures(),
            "load": asdict(self.load) if self.load else None,
            "calls": [_call(call) for call in self.played],
        }


def _call(call: Played) -> dict[str, Any]:
    timing = call.observed.timing
    return {
        "caller": call.caller.name,
        "number": call.number,
        "call_sid": call.call_sid,
        "passed": call.passed,
        "findings": [{"expectation": one.expectation, "sentence": one.sentence} for one in call.findings],
        "notes": list(call.notes),
        "duration_s": round(call.observed.duration_s, 2),
        "answers_ms": list(timing.answers),
        "stopped_ms": list(timing.stopped),
        "longest_silence_ms": timing.longest_silence,
        "talk_over_ms": timing.talk_over,
        "cost": call.observed.cost,
    }


def fingerprint(suite: Suite) -> str:
    """Changes when any caller does: rehearsals are comparable only with the same callers."""
    digest = hashlib.sha256()
    for path in sorted(suite.folder.glob("*.toml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Comparison:
    """With an earlier rehearsal. `same_callers`: if not, the callers may explain the difference."""

    overall: Difference
    callers: Mapping[str, Difference]
    same_callers: bool


def read(baseline: Path) -> Document:
    """An earlier results.json. Raises SuiteError for a file that is none."""
    try:
        before = decode(baseline.read_bytes())
    except (OSError, ValueError) as error:
        raise SuiteError(f"{baseline}: expected a results.json of an earlier rehearsal: {error}") from None
    if before.get("schema") != SCHEMA:
        raise SuiteError(f"{baseline}: expected a results.json of an earlier rehearsal (schema {SCHEMA})")
    return before


def compare(results: Results, before: Document) -> Comparison:
    """`before`: from `read`."""
    old = {name: _rate(before, name) for name in mapping(before, "rates")}
    new = results.rates()
    shared = [name for name in new if name in old]
    total_old = Rate(sum(old[name].passed for name in shared), sum(old[name].runs for name in shared))
    total_new = Rate(sum(new[name].passed for name in shared), sum(new[name].runs for name in shared))
    return Comparison(
        Difference(total_old, total_new),
        {name: Difference(old[name], new[name]) for name in shared},
        mapping(before, "suite").get("fingerprint") == fingerprint(results.suite),
    )


def _rate(document: Mapping[str, Any], name: str) -> Rate:
    return Rate(int(number(document, "rates", name, "passed") or 0), int(number(document, "rates", name, "runs") or 0))


def write_json(results: Results, path: Path) -> None:
    """results.json."""
    path.write_text(json.dumps(results.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_junit(results: Results, path: Path) -> None:
    """For the test view of a CI: one case per call."""
    failures = sum(not call.passed for call in results.played)
    root = ElementTree.Element(
        "testsuite", name=results.suite.file.title, tests=str(len(results.played)), failures=str(failures), errors="0"
    )
    for call in results.played:
        case = ElementTree.SubElement(
            root,
            "testcase",
            classname=results.suite.folder.name,
            name=f"{call.caller.name} #{call.number}",
            time=f"{call.observed.duration_s:.2f}",
        )
        if call.findings:
            first = call.findings[0]
            failure = ElementTree.SubElement(case, "failure", type=first.expectation, message=first.sentence)
            failure.text = "\n".join(f"{one.expectation}: {one.sentence}" for one in call.findings)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
