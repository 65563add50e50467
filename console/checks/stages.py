"""Checks of one part that build on each other: what can't be told because an earlier check failed is skipped."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from console.checks.finding import Finding, Part, Verdict
from console.checks.subject import Subject


@dataclass(frozen=True, slots=True)
class Stage:
    """`look` yields findings of `checks` only, and may end at one that failed. It is not run when one of `needs` failed
    or could not be told."""

    checks: tuple[str, ...]
    look: Part
    needs: tuple[str, ...] = ()


async def in_turn(stages: Sequence[Stage], subject: Subject) -> AsyncIterator[Finding]:
    """One stage after another; every check of every stage is told of."""
    untold: dict[str, str] = {}
    """Check that gave no answer → the one that failed before it."""
    for stage in stages:
        told = set()
        cause = next((untold[check] for check in stage.needs if check in untold), "")
        if not cause:
            async for finding in stage.look(subject):
                told.add(finding.check)
                if finding.verdict is Verdict.FAIL:
                    cause = untold[finding.check] = finding.check
                yield finding
        for check in stage.checks:
            if check not in told:
                untold[check] = cause
                yield Finding(check, Verdict.SKIPPED, f"can't be told before {cause} is mended")


async def skipped(checks: Sequence[str], reason: str) -> AsyncIterator[Finding]:
    """All of `checks`, for a part that has nothing to look at."""
    for check in checks:
        yield Finding(check, Verdict.SKIPPED, reason)
