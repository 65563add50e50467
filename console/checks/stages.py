"""Checks of one part that depend on each other: if one fails, those that depend on it are skipped."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from console.checks.finding import Finding, Part, Verdict
from console.checks.subject import Subject


@dataclass(frozen=True, slots=True)
class Stage:
    """`look` yields findings of `checks` only, and may end after a failed one.

    It is not run if one of `needs` failed or was skipped.
    """

    checks: tuple[str, ...]
    look: Part
    needs: tuple[str, ...] = ()


async def in_turn(stages: Sequence[Stage], subject: Subject) -> AsyncIterator[Finding]:
    """Runs one stage after another; every check of every stage is reported."""
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
                yield Finding(check, Verdict.SKIPPED, f"can't be checked before {cause} is fixed")


NO_STORE: Final = "the store is not known: set STORE=s3://BUCKET, gs://BUCKET or file:DIR"
"""The reason of a part that reads the store."""


async def skipped(checks: Sequence[str], reason: str) -> AsyncIterator[Finding]:
    """All of `checks`, for a part that has nothing to check."""
    for check in checks:
        yield Finding(check, Verdict.SKIPPED, reason)
