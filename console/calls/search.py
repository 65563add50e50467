"""Questions to the index: a page of calls, how many there are, what can be filtered by."""

import re
import sqlite3
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

PAGE = 50
NOTHING = "-"
"""As a filter's value: calls that have none, a call without a transfer for instance."""
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


class Order(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"
    INTERRUPTED = "interrupted"


_ORDERS = {
    Order.NEWEST: ("started", "DESC", "<"),
    Order.OLDEST: ("started", "ASC", ">"),
    Order.LONGEST: ("duration_s", "DESC", "<"),
    Order.INTERRUPTED: ("interruptions", "DESC", "<"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls. Empty or None: any. Days are local and inclusive; lengths in seconds. `unreadable`: only those."""

    text: str = ""
    first_day: date | None = None
    last_day: date | None = None
    agent: str = ""
    end_reason: str = ""
    transfer: str = ""
    min_s: float | None = None
    max_s: float | None = None
    unreadable: bool = False

    @classmethod
    def parse(cls, query: "dict[str, str]") -> "Filter":
        """From a URL's query. Raises ValueError that names the field and what was expected."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            given = query.get(field.name, "").strip()
            if not given:
                continue
            try:
                if field.name in {"first_day", "last_day"}:
                    values[field.name] = date.fromisoformat(given)
                elif field.name in {"min_s", "max_s"}:
                    values[field.name] = float(given)
                else:
                    values[field.name] = given == "1" if field.name == "unreadable" else given
            except ValueError:
                expected = "a date such as 2026-11-23" if field.name.endswith("day") else "a number of seconds"
                raise ValueError(f"{field.name}={given!r}: expected {expected}") from None
        return cls(**values)

    def conditions(self) -> tuple[list[str], list[Any]]:
        """SQL conditions on `calls`, and their values."""
        found: list[tuple[str, Any]] = []
        if self.first_day:
            found.append(("started >= ?", _midnight(self.first_day)))
        if self.last_day:
            found.append(("started < ?", _midnight(self.last_day + timedelta(days=1))))
        named = {"agent": self.agent, "end_reason": self.end_reason, "transfer": self.transfer}
        found += [(f"{column} = ?", "" if value == NOTHING else value) for column, value in named.items() if value]
        if self.min_s is not None:
            found.append(("duration_s >= ?", self.min_s))
        if self.max_s is not None:
            found.append(("duration_s <= ?", self.max_s))
        if words := match(self.text):
            found.append(("id IN (SELECT rowid FROM words WHERE words MATCH ?)", words))
        conditions = [condition for condition, _ in found]
        if self.unreadable:
            conditions.append("problem <> ''")
        return conditions, [value for _, value in found]


def match(text: str) -> str:
    """What a person typed as an FTS5 query: all words, the last one perhaps unfinished. Nothing in it is syntax."""
    words = _WORD.findall(text)
    return " ".join(f'"{word}"' for word in words) + "*" if words else ""


def page_query(wanted: Filter, order: Order, after: tuple[float, int] | None) -> tuple[str, list[Any]]:
    """The SQL of one page, and its values: the next PAGE + 1 calls behind `after`, by an index, not by counting."""
    column, direction, beyond = _ORDERS[order]
    conditions, values = wanted.conditions()
    if after is not None:
        conditions.append(f"({column}, id) {beyond} (?, ?)")
        values += after
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"SELECT * FROM calls {where} ORDER BY {column} {direction}, id {direction} LIMIT {PAGE + 1}"
    return sql, values


def page(connection: sqlite3.Connection, wanted: Filter, order: Order, cursor: str) -> dict[str, Any]:
    """`calls` of one page, and `next`: the cursor of the following one, empty at the end. Raises ValueError."""
    after = None
    if cursor:
        place, _, number = cursor.partition(":")
        try:
            after = (float(place), int(number))
        except ValueError:
            raise ValueError(f"cursor={cursor!r}: expected what an earlier page gave as next") from None
    sql, values = page_query(wanted, order, after)
    rows = [dict(row) for row in connection.execute(sql, values)]
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    last = f"{rows[-1][_ORDERS[order][0]]!r}:{rows[-1]['id']}" if more else ""
    hidden = {"id", "key", "version"}
    return {"calls": [{name: row[name] for name in row if name not in hidden} for row in rows], "next": last}


def count(connection: sqlite3.Connection, wanted: Filter) -> int:
    """How many calls there are."""
    conditions, values = wanted.conditions()
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    found: int = connection.execute(f"SELECT count(*) FROM calls {where}", values).fetchone()[0]
    return found


def choices(connection: sqlite3.Connection) -> dict[str, Any]:
    """What the filters offer, with how many calls each has; and the span of days."""
    found: dict[str, Any] = {
        column: connection.execute(f"SELECT {column}, count(*) FROM calls GROUP BY {column} ORDER BY 2 DESC").fetchall()
        for column in ("agent", "end_reason", "transfer")
    }
    found = {column: [[value, number] for value, number in rows] for column, rows in found.items()}
    found["days"] = list(connection.execute("SELECT min(day), max(day) FROM calls WHERE day <> ''").fetchone())
    found["unreadable"] = connection.execute("SELECT count(*) FROM calls WHERE problem <> ''").fetchone()[0]
    return found


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day).astimezone().timestamp()
