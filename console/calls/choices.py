"""The values that the page's filters offer, each with its number of calls; read again after each refresh."""

import sqlite3
from datetime import date
from typing import Any, Final

import numpy as np

from console.calls.columns import UNKNOWN_DAY, Columns
from console.calls.figures import sentence
from console.calls.search import Filter, count

MOST_TAGS: Final = 50  # a server may give each call a tag of its own
_WORDS: Final = ("agent", "end_reason", "transfer", "called", "success", "agent_version", "lookup")


def choices(connection: sqlite3.Connection, columns: Columns) -> dict[str, Any]:
    """(value, calls) of each filter, most calls first; `cause`: (kind, a sentence, calls); `days`: the first and the
    last day, None without calls; `waiting`, `failover`, `unreadable`: numbers of calls."""
    everything = np.ones(len(columns), np.bool_)
    known = columns.day[columns.day != UNKNOWN_DAY]
    failed = columns.counts("cause", ~columns.is_word("cause", ""))
    return {
        **{name: [list(one) for one in columns.counts(name, everything)] for name in _WORDS},
        "tag": [list(one) for one in columns.tagged(everything)[:MOST_TAGS]],
        "cause": [[cause, sentence(connection, cause), calls] for cause, calls in failed],
        "days": [date.fromordinal(int(day)).isoformat() for day in (known.min(), known.max())]
        if known.size
        else [None] * 2,
        "waiting": count(connection, Filter(waiting=True)),
        "failover": int((columns.numbers["failovers"] > 0).sum()),
        "unreadable": count(connection, Filter(unreadable=True)),
    }
