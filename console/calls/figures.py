"""Key figures of a period, with those of the period before it, and by groups."""

import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from console.calls.columns import UNKNOWN_DAY, Columns, Mask, percentiles
from console.calls.search import Filter

USUAL_DAYS: Final = 7
GROUPS: Final = ("agent", "called", "end_reason", "success", "agent_version", "lookup")
_MOST: Final = 12
_MONDAY: Final = 1  # date(1, 1, 1), ordinal 1, was a Monday


def figures(columns: Columns, mask: Mask) -> dict[str, float | None]:
    """For the calls in `mask`: counts, minutes, and how long callers waited (p50 and p95, None if unknown).

    `handled`: without a human and without a failure.
    """
    failed, transferred = ~columns.is_word("cause", ""), ~columns.is_word("transfer", "")
    costs = columns.numbers["cost_usd"][mask]
    found: dict[str, float | None] = {
        "calls": int(mask.sum()),
        "minutes": round(float(columns.numbers["duration_s"][mask].sum()) / 60, 1),
        "handled": int((mask & ~failed & ~transferred).sum()),
        "transferred": int((mask & transferred).sum()),
        "reached": int((mask & columns.is_word("transfer", "answered")).sum()),
        "failovers": int((columns.numbers["failovers"][mask] > 0).sum()),
        "failed": int((mask & failed).sum()),
        "judged": int((mask & ~columns.is_word("success", "")).sum()),
        "successful": int((mask & columns.is_word("success", "success")).sum()),
        "cost_usd": round(float(np.nansum(costs)), 4),
        "cost_unknown": int(np.isnan(costs).sum()),
    }
    one_cell = np.zeros(int(mask.sum()), np.int64)
    for name in ("answer_ms", "first_audio_ms"):
        for percent, value in zip(
            (50, 95), percentiles(columns.numbers[name][mask], one_cell, 1, (50, 95)), strict=True
        ):
            found[f"{name}_p{percent}"] = None if np.isnan(value[0]) else round(float(value[0]))
    return found


def overview(connection: sqlite3.Connection, columns: Columns, wanted: Filter, today: date) -> dict[str, Any]:
    """`now` and `before`: the figures of the period (the filter's, else the last week with calls) and the one before
    it.

    `hours`, `weekdays` (Monday first): calls by local time; `groups`: (value, calls, failed) of each, largest first;
    `causes`: (kind, a sentence, calls); `criteria`: (name, calls judged by it, successful).
    """
    newest = int(columns.day.max(initial=UNKNOWN_DAY))
    last = wanted.last_day or (min(today, date.fromordinal(newest)) if newest else today)
    first = wanted.first_day or last - timedelta(days=USUAL_DAYS - 1)
    length = max(timedelta(days=1), last - first + timedelta(days=1))
    rest = columns.of(connection, replace(wanted, first_day=None, last_day=None))
    period = rest & between(columns, first, last)
    earlier = rest & between(columns, first - length, first - timedelta(days=1))
    hour = columns.numbers["hour"][period]
    hours = hour[(hour >= 0) & (hour < 24)].astype(np.int64)
    failed = period & ~columns.is_word("cause", "")
    return {
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "now": figures(columns, period),
        "before": figures(columns, earlier),
        "hours": np.bincount(hours, minlength=24).tolist(),
        "weekdays": np.bincount((columns.day[period] - _MONDAY) % 7, minlength=7).tolist(),
        "groups": {
            **{name: _group(columns.counts(name, period), columns.counts(name, failed)) for name in GROUPS},
            "tag": _group(columns.tagged(period), columns.tagged(failed)),
        },
        "causes": [[cause, sentence(connection, cause), calls] for cause, calls in columns.counts("cause", failed)],
        "criteria": [[name, *judged] for name, judged in _criteria(columns, period).items()],
    }


def between(columns: Columns, first: date, last: date) -> Mask:
    days = columns.day
    return np.asarray((days >= max(1, first.toordinal())) & (days <= last.toordinal()))


def sentence(connection: sqlite3.Connection, cause: str) -> str:
    """The sentence of one of the calls with this cause."""
    found: str = connection.execute("SELECT why FROM calls WHERE cause = ? LIMIT 1", (cause,)).fetchone()[0]
    return found


def _group(counts: list[tuple[str, int]], failed: list[tuple[str, int]]) -> list[list[Any]]:
    failures = dict(failed)
    return [[value, calls, failures.get(value, 0)] for value, calls in counts[:_MOST]]


def _criteria(columns: Columns, mask: Mask) -> dict[str, list[int]]:
    """Name → calls judged by it, and how many were successful."""
    found: dict[str, list[int]] = {}
    for said, calls in columns.counts("criteria", mask):
        for name, is_success in judgements(said):
            judged = found.setdefault(name, [0, 0])
            judged[0] += calls
            judged[1] += calls * is_success
    return dict(sorted(found.items()))


def judgements(said: str) -> list[tuple[str, bool]]:
    """Reads what `rows.criteria_of` wrote: each criterion, and whether the call was successful by it."""
    parts = (one.rpartition("=") for one in said.split(";") if one)
    return [(name, result == "success") for name, _, result in parts]
