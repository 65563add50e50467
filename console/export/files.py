"""The table as a file: Parquet, CSV or JSON lines, written row by row so that memory stays small."""

import csv
import json
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as parquet

from console.export.columns import COLUMNS, SCHEMA, Kind

BATCH: Final = 1000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_TURN: Final = pa.struct(
    [
        ("speaker", pa.string()),
        ("text", pa.string()),
        ("offset_ms", pa.int64()),
        ("interrupted", pa.bool_()),
        ("heard_ms", pa.int64()),
        ("answer_ms", pa.int64()),
    ]
)
_TYPES: Final = {
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("ms", tz="UTC"),
    Kind.WHOLE: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.YES_NO: pa.bool_(),
    Kind.TURNS: pa.list_(_TURN),
}

Row = dict[str, Any]


def arrow_schema() -> pa.Schema:
    """The columns in Arrow, each with its description, and the schema with its version."""
    fields = [pa.field(column.name, _TYPES[column.kind], metadata={"about": column.about}) for column in COLUMNS]
    return pa.schema(fields, metadata={"schema": str(SCHEMA)})


def write_parquet(rows: Iterable[Row], path: Path) -> int:
    """Returns the number of rows."""
    count = 0
    with parquet.ParquetWriter(path, arrow_schema(), compression="zstd") as writer:
        left = iter(rows)
        while batch := list(islice(left, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=arrow_schema()))
            count += len(batch)
    return count


def write_csv(rows: Iterable[Row], path: Path) -> int:
    """UTF-8 with the byte order mark that spreadsheets need; turns as JSON in one cell."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in COLUMNS])
        for row in rows:
            writer.writerow([_cell(value) for value in row.values()])
            count += 1
    return count


def write_jsonl(rows: Iterable[Row], path: Path) -> int:
    """One object per line."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=_json) + "\n")
            count += 1
    return count


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _cell(value: Any) -> Any:
    """Text that a caller said must not become a formula in a spreadsheet."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return _json(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
