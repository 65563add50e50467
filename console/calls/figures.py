"""The figures that a lead asks for: of a period, beside those of the period before it, and in groups."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from console.calls.search import Filter

USUAL_DAYS: Final = 7
_COUNTED: Final = {
    "calls": "count(*)",
    "minutes": "coalesce(sum(duration_s), 0) / 60",
    "handled": "coalesce(sum(cause = '' AND transfer = ''), 0)",
    "transferred": "coalesce(sum(transfer <> ''), 0)",
    "reached": "coalesce(sum(transfer = 'answered'), 0)",
    "failovers": "coalesce(sum(failovers > 0), 0)",
    "failed": "coalesce(sum(cause <> ''), 0)",
    "judged": "coalesce(sum(success <> ''), 0)",
    "successful": "coalesce(sum(success = 'success'), 0)",
    "cost_usd": "coalesce(sum(cost_usd), 0)",
    "cost_unknown": "coalesce(sum(cost_usd IS NULL), 0)",
}
"""Figure → SQL over `calls`. `handled`: without a human and without a fault."""
_GROUPS: Final = {"agent": "agent", "called": "called", "end_reason": "end_reason", "success": "success"}
_MOST: Final = 12


def figures(connection: sqlite3.Connection, wanted: Filter) -> dict[str, float | None]:
    """Of the calls that `wanted` leaves: counts, minutes, and how long callers waited (p50 and p95, None for none)."""
    where, values = _where(wanted)
    sql = f"SELECT {', '.join(_COUNTED.values())} FROM calls {where}"
    found: dict[str, float | None] = dict(
        zip(_COUNTED, (round(value, 4) for value in connection.execute(sql, values).fetchone()), strict=True)
    )
    for name in ("answer_ms", "first_audio_ms"):
        measured = [row[0] for row in connection.execute(f"SELECT {name} FROM calls {_and(where, name)}", values)]
        for percent in (50, 95):
            found[f"{name}_p{percent}"] = round(float(np.percentile(measured, percent))) if measured else None
    return found


def overview(connection: sqlite3.Connection, wanted: Filter, today: date) -> dict[str, Any]:
    """`now` and `before`: the figures of the period (the filter's, else the last week there is) and the one before it.

    `hours`, `weekdays` (Monday first): calls by local time; `groups`: (value, calls, failed) of each, the most first;
    `causes`: (kind, a sentence, calls).
    """
    newest = connection.execute("SELECT max(day) FROM calls").fetchone()[0]
    last = wanted.last_day or (min(today, date.fromisoformat(newest)) if newest else today)
    first = wanted.first_day or last - timedelta(days=USUAL_DAYS - 1)
    length = max(timedelta(days=1), last - first + timedelta(days=1))
    period = replace(wanted, first_day=first, last_day=last)
    earlier = replace(wanted, first_day=first - length, last_day=first - timedelta(days=1))
    where, values = _where(period)
    failed = _and(where, "cause", "cause <> ''")
    by_cause = connection.execute(f"SELECT cause, count(*) FROM calls {failed} GROUP BY cause ORDER BY 2 DESC", values)
    return {
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "now": figures(connection, period),
        "before": figures(connection, earlier),
        "hours": _slots(connection, "hour", _and(where, "hour", "hour >= 0"), values, range(24)),
        "weekdays": _slots(
            connection, "strftime('%w', day)", _and(where, "day", "day <> ''"), values, [*"123456", "0"]
        ),
        "groups": {name: _group(connection, column, where, values) for name, column in _GROUPS.items()},
        "causes": [[cause, _sentence(connection, cause), number] for cause, number in by_cause],
    }


def compared(
    connection: sqlite3.Connection, wanted: Filter, trends: dict[str, Any], pivot: date | None
) -> dict[str, Any]:
    """`before` and `after`: the figures of the days that `trends` shows, up to `pivot` and from it on; nothing without
    one."""
    if pivot is None or not trends["days"]:
        return {}
    first, last = (date.fromisoformat(trends["days"][place]) for place in (0, -1))
    return {
        "before": figures(connection, replace(wanted, first_day=first, last_day=pivot - timedelta(days=1))),
        "after": figures(connection, replace(wanted, first_day=pivot, last_day=last)),
    }


def _sentence(connection: sqlite3.Connection, cause: str) -> str:
    """One of those that calls of this cause have."""
    found: str = connection.execute("SELECT why FROM calls WHERE cause = ? LIMIT 1", (cause,)).fetchone()[0]
    return found


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    """Days by their column: the index `trends` begins with it and holds all that is counted, so no row is read."""
    conditions, values = replace(wanted, first_day=None, last_day=None).conditions()
    for comparison, day in ((">=", wanted.first_day), ("<=", wanted.last_day)):
        if day:
            conditions.append(f"day {comparison} ?")
            values.append(day.isoformat())
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


def _and(where: str, column: str, condition: str = "") -> str:
    """`where` with a further condition; without one, that the column is known."""
    condition = condition or f"{column} IS NOT NULL"
    return f"{where} AND {condition}" if where else f"WHERE {condition}"


def _slots(
    connection: sqlite3.Connection, expression: str, where: str, values: list[Any], slots: Sequence[Any]
) -> list[int]:
    found = dict(connection.execute(f"SELECT {expression}, count(*) FROM calls {where} GROUP BY 1", values).fetchall())
    return [found.get(slot, 0) for slot in slots]


def _group(connection: sqlite3.Connection, column: str, where: str, values: list[Any]) -> list[list[Any]]:
    sql = f"SELECT {column}, count(*), sum(cause <> '') FROM calls {where} GROUP BY 1 ORDER BY 2 DESC LIMIT {_MOST}"
    return [list(row) for row in connection.execute(sql, values)]
