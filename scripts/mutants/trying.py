"""Breaks one line in a copy of the tree, asks tests about it, and puts the line back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from scripts.mutants.copies import breaking
from scripts.mutants.covering import UNIT, batches
from scripts.mutants.running import GREEN, LATE, NONE, NOT_FOUND, Bench, Verdict, first_red, without_cases

FIRST_S: Final = 4.0
"""Of tests in a first run: most broken lines are noticed by it."""


@dataclass(frozen=True)
class Budget:
    """Seconds of tests, as measured on unbroken code, for one broken line."""

    unit_s: float
    others_s: float


class Trial:
    """One broken version of one file, and the tests to ask."""

    def __init__(self, bench: Bench, name: str, text: str) -> None:
        self._bench = bench
        self._path = bench.tree / name
        self._text = text

    def judge(self, tests: list[str], costs: Mapping[str, float], budget: Budget) -> Verdict:
        """Ask unit tests first, then those of parts together; stop at the first that is red."""
        ran = 0
        for kind, all_s in ((True, budget.unit_s), (False, budget.others_s)):
            for batch in batches((test for test in tests if test.startswith(UNIT) == kind), costs, FIRST_S, all_s):
                ran += len(batch)
                verdict = self._ask(batch, sum(costs[test] for test in batch))
                if verdict is not None:
                    return replace(verdict, ran=ran, could=len(tests))
        return Verdict("not noticed", "no test runs it" if not tests else "green", ran, len(tests))

    def _ask(self, batch: list[str], cost_s: float) -> Verdict | None:
        """None if all are green. A red test must be green on unbroken code: some play in real time."""
        limit_s = 60 + 8 * cost_s
        batch = list(batch)
        while batch:
            with breaking(self._path, self._text):
                status, output = self._bench.run(batch, limit_s)
                if status == NOT_FOUND:
                    status, output = self._bench.run(without_cases(batch), limit_s)
            if status in {GREEN, NONE}:
                return None
            if status == LATE:
                return self._late(batch, limit_s)
            red = first_red(output, batch) or f"pytest ends with status {status}"
            if "::" not in red or self._bench.run([red], limit_s)[0] == GREEN:
                return Verdict("noticed", red)
            if red not in batch:
                return Verdict("unclear", f"{red} is red on unbroken code")
            batch.remove(red)
        return None

    def _late(self, batch: list[str], limit_s: float) -> Verdict:
        """An endless loop, or only a busy machine: unbroken code says which."""
        began = time.monotonic()
        status, _ = self._bench.run(batch, limit_s)
        clean = time.monotonic() - began
        if status == GREEN and clean < limit_s / 3:
            return Verdict("noticed", f"no end within {limit_s:.0f} s; {clean:.0f} s on unbroken code")
        return Verdict("unclear", f"no end within {limit_s:.0f} s, and {clean:.0f} s on unbroken code")
