"""The index's figures as columns in memory, so that a click over 100,000 calls is arithmetic and reads no rows.

A column is an array with a place for each call, the same place in every column; a word is stored as a code, with a list
of the words. The columns follow the index: only new rows are read, a hundred bytes each.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from console.calls.rows import tag_of
from console.calls.search import NOTHING, Filter

WORDS: Final = (
    "agent", "end_reason", "transfer", "cause", "success", "called", "agent_version", "criteria", "tags", "lookup",
)  # fmt: skip
NUMBERS: Final = (
    "duration_s", "first_audio_ms", "answer_ms", "gaps", "interruptions", "failovers", "hour", "cost_usd", "started",
)  # fmt: skip
UNKNOWN_DAY: Final = 0

Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Columns:
    """`day`: the local day's number (date.toordinal), 0 if unknown. `words[name]`: codes into `meanings[name]`.
    `numbers[name]`: floats, NaN if unknown.
    """

    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    day: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    words: dict[str, NDArray[np.int64]] = field(default_factory=lambda: {name: np.zeros(0, np.int64) for name in WORDS})
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=lambda: {name: np.zeros(0) for name in NUMBERS})
    meanings: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in WORDS})
    _codes: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in WORDS})
    _searched: tuple[str, Mask] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def followed(self, connection: sqlite3.Connection) -> "Columns":
        """These columns, or new ones if the index has changed: readers of the old ones can go on."""
        newest, count = connection.execute("SELECT coalesce(max(id), 0), count(*) FROM calls").fetchone()
        known = int(self.ids[-1]) if len(self) else 0
        if (newest, count) == (known, len(self)):
            return self
        there = np.fromiter((row[0] for row in connection.execute("SELECT id FROM calls ORDER BY id")), np.int64)
        kept = np.isin(self.ids, there, assume_unique=True)
        names = ", ".join((*WORDS, *NUMBERS))
        rows = connection.execute(f"SELECT id, day, {names} FROM calls WHERE id > ? ORDER BY id", (known,)).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * (2 + len(WORDS) + len(NUMBERS))
        days = np.array([_day(one) for one in columns[1]], np.int64)
        words = {
            name: np.concatenate(
                [self.words[name][kept], np.array([self._code(name, word) for word in columns[place]], np.int64)]
            )
            for place, name in enumerate(WORDS, 2)
        }
        numbers = {
            name: np.concatenate([self.numbers[name][kept], np.array(columns[place], np.float64)])
            for place, name in enumerate(NUMBERS, 2 + len(WORDS))
        }
        ids = np.concatenate([self.ids[kept], np.array(columns[0], np.int64)])
        day = np.concatenate([self.day[kept], days])
        return Columns(ids, day, words, numbers, self.meanings, self._codes)

    def of(self, connection: sqlite3.Connection, wanted: Filter) -> Mask:
        """A mask of the calls that match `wanted`: the same calls that `Filter.conditions` finds in SQL. Only what the
        columns can't answer, such as a search for words, reads the index: reading 100,000 ids costs more than the
        rest."""
        found = np.ones(len(self), np.bool_)
        if wanted.first_day:
            found &= self.day >= wanted.first_day.toordinal()
        if wanted.last_day:
            found &= (self.day <= wanted.last_day.toordinal()) & (self.day != UNKNOWN_DAY)
        for name, value in wanted.words().items():
            found &= self.is_word(name, value)
        for name in wanted.some():
            found &= ~self.is_word(name, "")
        if wanted.criterion:
            found &= self._has("criteria", ";", wanted.criterion)
        if wanted.tag:
            found &= self.is_word("tags", "") if wanted.tag == NOTHING else self.has_tag(tag_of(wanted.tag))
        if wanted.hour is not None:
            found &= self.numbers["hour"] == wanted.hour
        if wanted.min_s is not None:
            found &= self.numbers["duration_s"] >= wanted.min_s
        if wanted.max_s is not None:
            found &= self.numbers["duration_s"] <= wanted.max_s
        if wanted.failover:
            found &= self.numbers["failovers"] > 0
        if wanted.text:
            found &= self._with_text(connection, wanted.text)
        if wanted.waiting or wanted.unreadable:
            found &= self._asked(connection, Filter(waiting=wanted.waiting, unreadable=wanted.unreadable))
        return found

    def _with_text(self, connection: sqlite3.Connection, text: str) -> Mask:
        """The last search is cached: a page asks for it more than once, and it is the most expensive part."""
        searched = self._searched
        if searched is None or searched[0] != text:
            self._searched = searched = text, self._asked(connection, Filter(text=text))
        return searched[1]

    def _asked(self, connection: sqlite3.Connection, wanted: Filter) -> Mask:
        conditions, values = wanted.conditions()
        sql = f"SELECT id FROM calls WHERE {' AND '.join(conditions) or 'TRUE'}"
        ids = np.fromiter((row[0] for row in connection.execute(sql, values)), np.int64)
        return np.isin(self.ids, ids, assume_unique=True)

    def is_word(self, name: str, word: str) -> Mask:
        """A mask of the rows whose word is this one."""
        code = self._codes[name].get(word, -1)
        return np.asarray(self.words[name] == code)

    def counts(self, name: str, mask: Mask) -> list[tuple[str, int]]:
        """(word, calls), most calls first."""
        totals = np.bincount(self.words[name][mask], minlength=len(self.meanings[name]))
        order = sorted(np.flatnonzero(totals), key=lambda code: (-totals[code], self.meanings[name][code]))
        return [(self.meanings[name][code], int(totals[code])) for code in order]

    def tagged(self, mask: Mask) -> list[tuple[str, int]]:
        """(tag, calls that have it), most calls first."""
        found: Counter[str] = Counter()
        for tags, calls in self.counts("tags", mask):
            found.update(dict.fromkeys(tags.split("\n") if tags else (), calls))
        return sorted(found.items(), key=lambda one: (-one[1], one[0]))

    def has_tag(self, tag: str) -> Mask:
        """A mask of the calls that have this tag."""
        return self._has("tags", "\n", tag)

    def _has(self, name: str, separator: str, part: str) -> Mask:
        """A mask of the rows whose word contains this part; a word is a list of parts with a separator between them."""
        wanted = f"{separator}{part}{separator}"
        known = [code for code, word in enumerate(self.meanings[name]) if wanted in f"{separator}{word}{separator}"]
        return np.isin(self.words[name], known)

    def _code(self, name: str, word: str | None) -> int:
        codes = self._codes[name]
        code = codes.setdefault(word or "", len(codes))
        if code == len(self.meanings[name]):
            self.meanings[name].append(word or "")
        return code


def percentiles(
    values: NDArray[np.float64], cells: NDArray[np.int64], count: int, percents: Sequence[float]
) -> list[NDArray[np.float64]]:
    """For each of `percents`, `np.percentile` of the known values in each of `count` cells; NaN if there are none."""
    known = ~np.isnan(values)
    values, cells = values[known], cells[known]
    order = np.argsort(values)
    order = order[np.argsort(cells[order].astype(np.uint16 if count <= 1 << 16 else np.int64), kind="stable")]
    values = values[order]
    sizes = np.bincount(cells, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    found = []
    for percent in percents:
        place = np.maximum(sizes - 1, 0) * percent / 100
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(sizes - 1, 0))
        result = np.full(count, np.nan)
        some = sizes > 0
        at_low, at_high = values[(starts + low)[some]], values[(starts + high)[some]]
        result[some] = at_low + (at_high - at_low) * (place - low)[some]
        found.append(result)
    return found


def known_or_none(values: NDArray[np.float64], digits: int = 1) -> list[float | None]:
    """For JSON."""
    return [None if np.isnan(value) else round(float(value), digits) for value in values]


def _day(text: Any) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except (TypeError, ValueError):
        return UNKNOWN_DAY
