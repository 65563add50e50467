"""The index: one SQLite file beside the store, which can be deleted and is then rebuilt from the records.

calls     one row per record, with an index for each filter in the order of time, so that a page reads only its rows
words     full text search without the text itself; a changed record gets a new id, and its old words point nowhere
numbers   the same for digits, by trigrams: any part of a number is found
"""

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from pathlib import Path

from common.prices import Prices, load
from console.calls.columns import Columns
from console.calls.rows import Row

LAYOUT = "6"
_COLUMNS = tuple(field.name for field in fields(Row) if field.name not in {"words", "digits"})
_SCHEMA = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE calls (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, version TEXT, {", ".join(_COLUMNS)});
CREATE INDEX by_time ON calls (started, id, duration_s, hour, criteria);
CREATE INDEX by_length ON calls (duration_s, id);
CREATE INDEX by_interruptions ON calls (interruptions, id);
CREATE INDEX by_agent ON calls (agent, started, id);
CREATE INDEX by_end ON calls (end_reason, started, id);
CREATE INDEX by_transfer ON calls (transfer, started, id);
CREATE INDEX by_sid ON calls (call_sid);
CREATE INDEX by_cause ON calls (cause, started, id);
CREATE INDEX by_called ON calls (called, started, id);
CREATE INDEX by_success ON calls (success, started, id);
CREATE INDEX by_failure ON calls (started, id) WHERE cause <> '';
CREATE INDEX by_transferred ON calls (started, id) WHERE transfer <> '';
CREATE INDEX by_failover ON calls (started, id) WHERE failovers > 0;
CREATE INDEX by_waiting ON calls (started, id) WHERE waiting_since > 0;
CREATE INDEX by_problem ON calls (started, id) WHERE problem <> '';
CREATE INDEX by_version ON calls (agent_version, started, id);
CREATE INDEX by_lookup ON calls (lookup, started, id);
CREATE INDEX by_tags ON calls (started, id, tags) WHERE tags <> '';
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = "unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE numbers USING fts5 (digits, content = '', tokenize = "trigram");
"""


class Index:
    """The index of one store, in `folder`. Readers and the one writer may work at the same time."""

    def __init__(self, source_name: str, folder: Path, prices: Prices | None = None) -> None:
        name = hashlib.sha256(source_name.encode()).hexdigest()[:16]
        self.path = folder / f"calls-{name}.sqlite"
        zone = "/".join(time.tzname)  # days are local, so they depend on the time zone
        self.prices = prices or load()
        self._columns = Columns()
        self._following = threading.Lock()
        priced = hashlib.sha256(repr(self.prices).encode()).hexdigest()[:16]  # rows hold costs
        about = {"layout": LAYOUT, "source": source_name, "zone": zone, "prices": priced}
        if self.path.exists() and self._about() != about:
            for left in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + left).unlink(missing_ok=True)
        if not self.path.exists():
            self._create(about)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection; rows by name. One thread at a time."""
        address = f"file:{self.path}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30, check_same_thread=False)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection

    def columns(self, connection: sqlite3.Connection) -> Columns:
        """All data for figures, as the index has it now."""
        with self._following:
            self._columns = self._columns.followed(connection)
            return self._columns

    def known(self) -> dict[str, str]:
        """Key → version, of every record in the index."""
        with self.reading() as connection:
            return dict(connection.execute("SELECT key, version FROM calls").fetchall())

    def put(self, rows: Sequence[tuple[str, str, Row]]) -> None:
        """Add or replace (key, version, row), in one transaction."""
        names = ", ".join(("key", "version", *_COLUMNS))
        places = ", ".join("?" * (len(_COLUMNS) + 2))
        with self._writing() as connection:
            connection.executemany("DELETE FROM calls WHERE key = ?", ((key,) for key, _, _ in rows))
            for key, version, row in rows:
                *values, words, digits = astuple(row)
                added = connection.execute(f"INSERT INTO calls ({names}) VALUES ({places})", (key, version, *values))
                connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (added.lastrowid, words))
                connection.execute("INSERT INTO numbers (rowid, digits) VALUES (?, ?)", (added.lastrowid, digits))

    def remove(self, keys: Iterable[str]) -> None:
        """Delete rows of records that are gone."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM calls WHERE key = ?", ((key,) for key in keys))

    def tidy(self) -> None:
        """After many changes: update the planner's statistics."""
        with self._writing() as connection:
            connection.execute("ANALYZE")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection

    def _about(self) -> dict[str, str]:
        try:
            with self.reading() as connection:
                return dict(connection.execute("SELECT name, value FROM about").fetchall())
        except sqlite3.DatabaseError:
            return {}

    def _create(self, about: dict[str, str]) -> None:
        """It contains callers' words, so the file is readable only by its user from its first moment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
