"""Calls for an evaluation set: one per line, with the names of the record's fields and people's numbers masked."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from common.documents import Document, decode, mapping, objects, text
from console.calls.rows import tags_of
from console.calls.search import Filter
from console.calls.source import Source
from console.records.masking import mask_all

_COLUMNS = (
    "call_sid",
    "started_at",
    "duration_s",
    "agent",
    "end_reason",
    "transfer_state",
    "transfer_target",
    "interruptions",
    "first_audio_ms",
    "call_successful",
    "summary",
    "transcript",
    "tags",
)
_KEPT = (
    "call_sid",
    "conversation_id",
    "agent",
    "started_at",
    "duration_s",
    "ended_by",
    "end_reason",
    "end_detail",
    "tags",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_lines(connection: sqlite3.Connection, source: Source, wanted: Filter) -> Iterator[bytes]:
    """One JSON object per call, newest first; unreadable records are left out."""
    for record in _records(connection, source, wanted):
        yield json.dumps(_evaluated(record), ensure_ascii=False).encode() + b"\n"


def comma_separated(connection: sqlite3.Connection, source: Source, wanted: Filter) -> Iterator[bytes]:
    """The same as a table: UTF-8 with the byte order mark that spreadsheets need, the transcript in one column."""
    yield b"\xef\xbb\xbf" + _line(_COLUMNS)
    for record in _records(connection, source, wanted):
        yield _line([_cell(value) for value in _flat(_evaluated(record))])


def _records(connection: sqlite3.Connection, source: Source, wanted: Filter) -> Iterator[Document]:
    conditions, values = wanted.conditions()
    where = " AND ".join(["problem = ''", *conditions])
    for (key,) in connection.execute(f"SELECT key FROM calls WHERE {where} ORDER BY started DESC, id DESC", values):
        try:
            record = decode(source.read(key) or b"")
        except ValueError:
            continue  # damaged since it was indexed
        yield record


def _evaluated(record: Document) -> Document:
    """The fields that matter for the evaluation of agents."""
    transfer = mapping(record, "transfer")
    kept: Document = {
        **{name: record.get(name) for name in _KEPT},
        "transfer": {name: transfer.get(name) for name in ("state", "target", "reason", "summary")}
        if transfer
        else None,
        "turns": [
            {name: turn.get(name) for name in ("speaker", "text", "offset_ms", "interrupted", "heard_ms")}
            for turn in objects(record, "turns")
        ],
        "analysis": record.get("analysis"),
        "quality": record.get("quality"),
    }
    masked: Document = mask_all(kept)
    return masked


def _flat(record: Document) -> list[Any]:
    spoken = [
        f"{text(turn, 'speaker')}: {text(turn, 'text')}{' [cut off]' if turn.get('interrupted') else ''}"
        for turn in objects(record, "turns")
    ]
    return [
        record["call_sid"],
        record["started_at"],
        record["duration_s"],
        text(record, "agent", "alias") or text(record, "agent", "id"),
        record["end_reason"],
        text(record, "transfer", "state"),
        text(record, "transfer", "target"),
        mapping(record, "quality").get("interruptions"),
        mapping(record, "quality").get("first_audio_ms"),
        text(record, "analysis", "call_successful"),
        text(record, "analysis", "transcript_summary"),
        "\n".join(spoken),
        "\n".join(tags_of(record)),
    ]


def _cell(value: Any) -> Any:
    """What a caller said must not become a formula in a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _line(values: Any) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().encode()
