"""Queries of the index: a page of calls, how many there are, and the filters' values."""

import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from console.calls.digits import parts_of
from console.calls.rows import tag_of

PAGE = 50
NOTHING = "-"
"""As a filter's value: calls that have no such thing, for instance calls without a transfer."""
ANY = "any"
"""As the value of `cause` or `transfer`: calls with any failure, or with any transfer, whatever its outcome."""
WAITING_S = 3600.0
"""A caller who asked for a human longer ago than this is no longer on the line, even if no outcome was reported."""
_LINES = "char(10) || tags || char(10)"
_WORDS = ("agent", "end_reason", "transfer", "called", "success", "agent_version", "lookup", "cause")
_ANY_OF = ("cause", "transfer")
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


class Order(StrEnum):
    """Sort order."""

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


_DAY = "a date such as 2026-11-23"
_EXPECTED = {"first_day": _DAY, "last_day": _DAY, "hour": "an hour of the day, 0 to 23"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls are wanted. Empty or None: any. Days are local and inclusive; lengths in seconds; `cause`: the kind
    of a failure, or ANY; `transfer`: its state, or ANY; `criterion`: one of the evaluation and its result, such as
    `polite=failure`; `lookup`: its outcome; `tag`: in the form of `tag_of`. `waiting`, `failover`, `unreadable`: only
    such calls."""

    text: str = ""
    first_day: date | None = None
    last_day: date | None = None
    agent: str = ""
    end_reason: str = ""
    transfer: str = ""
    min_s: float | None = None
    max_s: float | None = None
    cause: str = ""
    called: str = ""
    success: str = ""
    agent_version: str = ""
    criterion: str = ""
    tag: str = ""
    lookup: str = ""
    hour: int | None = None
    waiting: bool = False
    failover: bool = False
    unreadable: bool = False

    @classmethod
    def parse(cls, query: "dict[str, str]") -> "Filter":
        """From a URL's query. Raises ValueError, which names the field and the expected value."""
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
                elif field.name == "hour":
                    values[field.name] = int(given)
                else:
                    values[field.name] = given == "1" if field.type is bool else given
            except ValueError:
                expected = _EXPECTED.get(field.name, "a number of seconds")
                raise ValueError(f"{field.name}={given!r}: expected {expected}") from None
        return cls(**values)

    def conditions(self) -> tuple[list[str], list[Any]]:
        """SQL conditions on `calls`, and their values."""
        found: list[tuple[str, Any]] = []
        if self.first_day:
            found.append(("started >= ?", _midnight(self.first_day)))
        if self.last_day:
            found.append(("started < ?", _midnight(self.last_day + timedelta(days=1))))
        found += [(f"{column} = ?", value) for column, value in self.words().items()]
        if self.min_s is not None:
            found.append(("+duration_s >= ?", self.min_s))
        if self.max_s is not None:
            found.append(("+duration_s <= ?", self.max_s))
        if self.criterion:
            found.append(("instr(';' || criteria || ';', ?) > 0", f";{self.criterion};"))
        if self.tag == NOTHING:
            found.append(("tags = ?", ""))
        elif self.tag:
            found.append((f"tags <> '' AND instr({_LINES}, ?) > 0", f"\n{tag_of(self.tag)}\n"))
        if self.hour is not None:
            found.append(("hour = ?", self.hour))
        conditions, values = [condition for condition, _ in found], [value for _, value in found]
        for condition, its_values in _searched(self.text):
            conditions.append(condition)
            values += its_values
        if self.waiting:
            conditions.append("waiting_since > 0 AND waiting_since > ?")  # the first is that of the index by_waiting
            values.append(time.time() - WAITING_S)
        conditions += [f"{column} <> ''" for column in self.some()]
        flags = {"failovers > 0": self.failover, "problem <> ''": self.unreadable}
        return conditions + [condition for condition, wanted in flags.items() if wanted], values

    def words(self) -> dict[str, str]:
        """Columns that must have exactly this word, which may be empty."""
        given = {name: getattr(self, name) for name in _WORDS}
        return {
            name: "" if value == NOTHING else value
            for name, value in given.items()
            if value and not (value == ANY and name in _ANY_OF)
        }

    def some(self) -> list[str]:
        """Columns that must not be empty."""
        return [name for name in _ANY_OF if getattr(self, name) == ANY]


def _searched(text: str) -> Iterator[tuple[str, list[str]]]:
    """Conditions for the text of a search: each part of a number, as digits or as words, and all other words."""
    parts, rest = parts_of(text)
    in_words, in_numbers = (
        "id IN (SELECT rowid FROM words WHERE words MATCH ?)",
        ("id IN (SELECT rowid FROM numbers WHERE numbers MATCH ?)"),
    )
    for digits, typed in parts:
        yield f"({in_numbers} OR {in_words})", [f'"{digits}"', match(typed)]
    if words := match(rest):
        yield in_words, [words]


def match(text: str) -> str:
    """The text of a search as an FTS5 query: all words, the last one possibly incomplete. Words are quoted."""
    words = _WORD.findall(text)
    return " ".join(f'"{word}"' for word in words) + "*" if words else ""


def page_query(wanted: Filter, order: Order, after: tuple[float, int] | None) -> tuple[str, list[Any]]:
    """The SQL of one page, and its values: the next PAGE + 1 calls after `after`, by an index, not by counting."""
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


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day).astimezone().timestamp()
