"""`console export`: the calls of a period as one table, for your own warehouse."""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from common.documents import Document, decode, text
from common.times import to_unix
from console.export.columns import Numbers, Rows, calls
from console.stores import opened
from console.words import counted
from functions.common.store import Store, StoreError

AT_ONCE = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See --help."""
    parser.add_argument(
        "file", type=Path, help="file to write; its extension sets the format: .parquet, .csv or .jsonl"
    )
    parser.add_argument(
        "--store",
        default=os.environ.get("STORE") or "file:data",
        help="s3://…, gs://… or file:DIR (default: STORE, else data/)",
    )
    parser.add_argument(
        "--since", type=_day, metavar="DATE", help="first day, 2026-11-01 (UTC; default: the first call)"
    )
    parser.add_argument("--until", type=_day, metavar="DATE", help="last day, 2026-11-30 (default: today)")
    parser.add_argument(
        "--numbers", type=Numbers, choices=list(Numbers), default=Numbers.MASKED,
        help="callers' numbers: last four digits, a hash with EXPORT_HASH_KEY, or in full (default: masked)",
    )  # fmt: skip


def _day(value: str) -> datetime:
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r}: expected a date such as 2026-11-01") from None


def run(options: argparse.Namespace) -> int:
    """Exit status 1 if damaged records were left out, 2 if nothing could be exported."""
    from console.export import files  # loads pyarrow

    writers = {".parquet": files.write_parquet, ".csv": files.write_csv, ".jsonl": files.write_jsonl}
    try:
        if (write := writers.get(options.file.suffix.lower())) is None:
            raise ValueError(f"{options.file}: expected a name that ends in {', '.join(writers)}")
        rows = Rows(options.numbers, os.environ.get("EXPORT_HASH_KEY", ""))
        reading = Reading(opened(options.store, said="--store ", read_only=True), options.since, options.until)
        new = options.file.with_name(options.file.name + ".new")
        count = write(map(rows.row, reading.records()), new)
        new.replace(options.file)
    except (ValueError, StoreError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    print(f"{counted(count, 'call')} in {options.file}")
    for key in reading.damaged:
        print(f"export: {key}: left out, it can't be read", file=sys.stderr)
    return 1 if reading.damaged else 0


class Reading:
    """The records of a store that began between two days, both included, in the order of their keys."""

    def __init__(self, store: Store, since: datetime | None, until: datetime | None) -> None:
        self._store = store
        self._from = since.timestamp() if since else float("-inf")
        self._to = (until + timedelta(days=1)).timestamp() if until else float("inf")
        self.damaged: list[str] = []

    def records(self) -> Iterator[Document]:
        """`damaged` lists what could not be read."""
        keys = (key for key in self._store.keys("logs/") if key.endswith(".json"))
        while some := list(islice(keys, AT_ONCE)):
            for key, stored in zip(some, self._store.read_all(some), strict=True):
                if stored is None:
                    continue  # deleted since it was listed
                try:
                    record = decode(stored.body)
                except ValueError:
                    self.damaged.append(key)
                    continue
                if calls(record) and self._from <= (to_unix(text(record, "started_at")) or 0.0) < self._to:
                    yield record
