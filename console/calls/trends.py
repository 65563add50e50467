"""How calls change from day to day: numbers, lengths, first audio, gaps, interruptions, transfers, ends."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from console.calls.search import Filter

MOST_AGENTS = 6
MOST_DAYS = 92
OTHERS = "others"


@dataclass(slots=True)
class _Cell:
    """The calls of one day, or of one agent on one day."""

    lengths: list[float] = field(default_factory=list)
    first_audio: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    gaps: int = 0
    interruptions: int = 0
    judged: int = 0
    successful: int = 0

    def add(
        self,
        length_s: float,
        first_audio_ms: float | None,
        answer_ms: float | None,
        gaps: int,
        interruptions: int,
        success: str,
    ) -> None:
        self.lengths.append(length_s)
        if first_audio_ms is not None:
            self.first_audio.append(first_audio_ms)
        if answer_ms is not None:
            self.answers.append(answer_ms)
        self.gaps += gaps
        self.interruptions += interruptions
        self.judged += bool(success)
        self.successful += success == "success"


_FIGURES: dict[str, Callable[[_Cell], float | None]] = {
    "calls": lambda cell: len(cell.lengths),
    "length_s": lambda cell: _percentile(cell.lengths, 50),
    "first_audio_ms": lambda cell: _percentile(cell.first_audio, 50),
    "first_audio_p95_ms": lambda cell: _percentile(cell.first_audio, 95),
    "answer_ms": lambda cell: _percentile(cell.answers, 50),
    "answer_p95_ms": lambda cell: _percentile(cell.answers, 95),
    "success": lambda cell: round(100 * cell.successful / cell.judged, 1) if cell.judged else None,
    "gaps": lambda cell: round(cell.gaps / len(cell.lengths), 3) if cell.lengths else None,
    "interruptions": lambda cell: round(cell.interruptions / len(cell.lengths), 3) if cell.lengths else None,
}


def trends(connection: sqlite3.Connection, wanted: Filter) -> dict[str, Any]:
    """By day: `figures` of each agent (medians, 95th percentiles, gaps and interruptions a call, per cent successful),
    and how many calls ended, failed and were transferred how; by hour: `hours`. At most MOST_DAYS days, the last ones;
    the smaller agents count as one."""
    conditions, values = wanted.conditions()
    where = " AND ".join(["day <> ''", *conditions])
    measured_by = "duration_s, first_audio_ms, answer_ms, gaps, interruptions, success"
    columns = f"day, agent, end_reason, transfer, cause, hour, {measured_by}"
    # the last days only, or years of calls would be read to be left out again
    newest = connection.execute(f"SELECT max(day) FROM calls WHERE {where}", values).fetchone()[0]
    if newest is None:
        return {"days": [], "agents": [], "figures": {}, "transfers": {}, "end_reasons": {}, "causes": {}, "hours": []}
    oldest = (date.fromisoformat(newest) - timedelta(days=MOST_DAYS - 1)).isoformat()
    rows = connection.execute(f"SELECT {columns} FROM calls WHERE {where} AND day >= ?", (*values, oldest)).fetchall()
    days = _days(row[0] for row in rows)
    most = Counter(row[1] for row in rows).most_common()
    agents = [agent for agent, _ in most[:MOST_AGENTS]] + ([OTHERS] if len(most) > MOST_AGENTS else [])
    cells: dict[tuple[str, str], _Cell] = defaultdict(_Cell)
    transfers: dict[str, Counter[str]] = defaultdict(Counter)
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    hours = [0] * 24
    for day, agent, end_reason, transfer, cause, hour, *measured in rows:
        cells[day, agent if agent in agents else OTHERS].add(*measured)
        ends[end_reason or "unknown"][day] += 1
        if transfer:
            transfers[transfer][day] += 1
        if cause:
            causes[cause][day] += 1
        if 0 <= hour < 24:
            hours[hour] += 1
    return {
        "days": days,
        "agents": agents,
        "figures": {
            name: {agent: [figure(cells.get((day, agent), _Cell())) for day in days] for agent in agents}
            for name, figure in _FIGURES.items()
        },
        "transfers": _counts(transfers, days),
        "end_reasons": _counts(ends, days),
        "causes": _counts(causes, days),
        "hours": hours,
    }


def _days(found: Iterable[str]) -> list[str]:
    """Every day from the first to the last, those without calls too."""
    days = sorted(set(found))
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _counts(by_name: dict[str, Counter[str]], days: list[str]) -> dict[str, list[int]]:
    """Most frequent first."""
    names = sorted(by_name, key=lambda name: -by_name[name].total())
    return {name: [by_name[name][day] for day in days] for name in names}


def _percentile(values: list[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if values else None
