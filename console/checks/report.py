"""Prints the findings: line by line for people, or as one JSON object for pipelines."""

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from console.checks.finding import Finding, Verdict
from console.words import counted

JSON_FORMAT = 1
"""Counted up when a key changes its meaning or goes; new ones may come at any time."""

_COLOURS = {Verdict.PASS: "32", Verdict.WARN: "33", Verdict.FAIL: "1;31", Verdict.SKIPPED: "2"}
_WORDS = {Verdict.PASS: "pass", Verdict.WARN: "WARN", Verdict.FAIL: "FAIL", Verdict.SKIPPED: "skip"}
_CHECK_WIDTH = 26
_INDENT = " " * (8 + _CHECK_WIDTH)
_NARROWEST = 40


class Lines:
    """The report for people. Consecutive checks skipped for the same reason share a line."""

    def __init__(self, out: TextIO, *, colour: bool, width: int = 0) -> None:
        """`width`: of the terminal, in characters; 0: lines are not wrapped."""
        self._out = out
        self._colour = colour
        self._text_width = max(_NARROWEST, width - len(_INDENT)) if width else 0
        self._skipped: list[Finding] = []
        self._group = ""

    def add(self, finding: Finding) -> None:
        """The next finding."""
        if self._skipped and (finding.verdict, finding.found) != (Verdict.SKIPPED, self._skipped[0].found):
            self._tell_skipped()
        if finding.verdict is Verdict.SKIPPED:
            self._skipped.append(finding)
        else:
            self._tell(finding, finding.check)

    def end(self, findings: Sequence[Finding]) -> None:
        """The summary."""
        self._tell_skipped()
        by_verdict = counts(findings)
        told = [f"{by_verdict[verdict]} {verdict}" for verdict in Verdict if by_verdict[verdict]]
        worst = next((one for one in (Verdict.FAIL, Verdict.WARN, Verdict.PASS) if by_verdict[one]), Verdict.SKIPPED)
        self._write("\n" + self._coloured(worst, f"{counted(len(findings), 'check')}: {', '.join(told)}"))

    def _tell_skipped(self) -> None:
        skipped, self._skipped = self._skipped, []
        if not skipped:
            return
        more = f" … {skipped[-1].check.partition('.')[2]}" if len(skipped) > 1 else ""
        self._tell(skipped[0], f"{skipped[0].check}{more}")

    def _tell(self, finding: Finding, name: str) -> None:
        group = finding.check.partition(".")[0]
        if self._group not in {"", group}:
            self._write("")
        self._group = group
        word = self._coloured(finding.verdict, _WORDS[finding.verdict])
        # a name that is too long for its column gets its own line
        head = f"  {word}  {name:<{_CHECK_WIDTH}}" if len(name) < _CHECK_WIDTH else f"  {word}  {name}\n{_INDENT}"
        self._write(head + self._wrapped(finding.found))
        if finding.advice:
            self._write(f"{_INDENT}{self._coloured(finding.verdict, '→')} {self._wrapped(finding.advice, '  ')}")

    def _wrapped(self, text: str, indent: str = "") -> str:
        """Wrapped between words only: text to be pasted stays whole."""
        if not self._text_width:
            return text
        width = self._text_width - len(indent)
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        return f"\n{_INDENT}{indent}".join(lines)

    def _coloured(self, verdict: Verdict, text: str) -> str:
        return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if self._colour else text

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def counts(findings: Sequence[Finding]) -> dict[Verdict, int]:
    """How many findings there are per verdict."""
    counted = Counter(finding.verdict for finding in findings)
    return {verdict: counted[verdict] for verdict in Verdict}


def as_json(findings: Sequence[Finding], at: float) -> str:
    """One object: `format`, `time` (RFC 3339 UTC), `findings` in order, `counts` of every verdict."""
    document = {
        "format": JSON_FORMAT,
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "findings": [
            {"check": one.check, "verdict": one.verdict, "found": one.found, "advice": one.advice} for one in findings
        ],
        "counts": counts(findings),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
