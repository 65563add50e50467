"""The effect of a change: the figures before and after a day, or of a version and of the version before it."""

import sqlite3
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from console.calls.columns import UNKNOWN_DAY, Columns, Mask
from console.calls.figures import between, figures
from console.calls.search import Filter

MOST_VERSIONS: Final = 30


@dataclass(frozen=True, slots=True)
class Pivot:
    """`day`: the first day after the change. `version`: a version of the agent, compared with the one before it."""

    day: date | None = None
    version: str = ""

    @classmethod
    def parse(cls, query: dict[str, str]) -> "Pivot":
        """From a URL's query: `pivot`, `pivot_version`. Raises ValueError that says what was expected."""
        day, version = query.get("pivot", "").strip(), query.get("pivot_version", "").strip()
        try:
            return cls(date.fromisoformat(day) if day else None, version)
        except ValueError:
            raise ValueError(f"pivot={day!r}: expected a date such as 2026-11-23") from None


def compared(
    connection: sqlite3.Connection, columns: Columns, wanted: Filter, days: list[str], pivot: Pivot
) -> dict[str, Any]:
    """`sides`: `before` and `after`, of the calls from the first to the last of `days`. Each has its figures, the
    number of `days` they cover, and the `filters` that list its calls; empty if there is nothing to compare.
    `versions`: (version, the day of its first call), newest first, without versions that have none before them."""
    if not days:
        return {"sides": {}, "versions": []}
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    rest = columns.of(connection, replace(wanted, first_day=None, last_day=None, agent_version=""))
    inside = rest & between(columns, first, last)
    versions = _Versions.of(columns, inside)
    sides = {}
    if before := versions.before(pivot.version):
        both = {"before": before, "after": pivot.version}
        sides = {name: _of_version(columns, inside, version) for name, version in both.items()}
    elif pivot.day and first < pivot.day <= last:
        mask = inside & columns.of(connection, wanted) if wanted.agent_version else inside
        spans = {"before": (first, pivot.day - timedelta(days=1)), "after": (pivot.day, last)}
        sides = {name: _of_days(columns, mask, *span) for name, span in spans.items()}
    return {"sides": sides, "versions": versions.newest()}


def _of_days(columns: Columns, mask: Mask, first: date, last: date) -> dict[str, Any]:
    return {
        **figures(columns, mask & between(columns, first, last)),
        "days": (last - first).days + 1,
        "filters": {"first_day": first.isoformat(), "last_day": last.isoformat()},
    }


def _of_version(columns: Columns, inside: Mask, version: str) -> dict[str, Any]:
    mask = inside & columns.is_word("agent_version", version)
    first, last = (date.fromordinal(int(day)) for day in (columns.day[mask].min(), columns.day[mask].max()))
    found = _of_days(columns, mask, first, last)
    return {**found, "filters": {**found["filters"], "agent_version": version}}


@dataclass(frozen=True, slots=True)
class _Versions:
    """`began[agent, version]`: when the first call began, Unix seconds; infinite without calls. Indexed by codes."""

    names: list[str]
    began: NDArray[np.float64]

    @classmethod
    def of(cls, columns: Columns, mask: Mask) -> "_Versions":
        """The figures of the calls in `mask`."""
        names, agents = columns.meanings["agent_version"], len(columns.meanings["agent"])
        known = mask & (columns.day != UNKNOWN_DAY) & ~columns.is_word("agent_version", "")
        cells = columns.words["agent"][known] * len(names) + columns.words["agent_version"][known]
        began = np.full(agents * len(names), np.inf)
        np.minimum.at(began, cells, columns.numbers["started"][known])
        return cls(list(names), began.reshape(agents, len(names)))

    def before(self, version: str) -> str:
        """The version of the same agents that began last before `version`; empty if there is none or it is unknown."""
        code = self.names.index(version) if version in self.names else -1
        agents = np.isfinite(self.began[:, code]) if code >= 0 else np.zeros(0, np.bool_)
        if not agents.any():
            return ""
        began = self.began[agents].min(axis=0)
        earlier = np.where(began < began[code], began, -np.inf)
        latest = int(earlier.argmax())
        return self.names[latest] if np.isfinite(earlier[latest]) else ""

    def newest(self) -> list[list[str]]:
        """See `compared`."""
        first = self.began.min(axis=0, initial=np.inf)
        newest = [code for code in np.argsort(-first, kind="stable") if np.isfinite(first[code])]
        named = ([self.names[code], date.fromtimestamp(float(first[code])).isoformat()] for code in newest)
        return list(islice((one for one in named if self.before(one[0])), MOST_VERSIONS))
