"""The exported table: one row per call. Names, types and meanings are a contract, versioned by SCHEMA
(docs/exports.md).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from common.documents import Document, at, mapping, number, objects, text
from common.masking import mask_text
from common.phone import mask
from common.times import to_unix

SCHEMA: Final = 1
"""Raised when a column goes or changes its meaning; new columns are added at the end without it."""
_LARGEST: Final = 2**62


class Kind(StrEnum):
    """Type of a column in Parquet, CSV and JSON."""

    TEXT = "text"
    TIME = "time"  # UTC, milliseconds
    WHOLE = "whole"
    REAL = "real"
    YES_NO = "yes_no"
    TURNS = "turns"  # a list of {speaker, text, offset_ms, interrupted, heard_ms, answer_ms}


class Numbers(StrEnum):
    """How people's phone numbers are exported, in columns and in texts."""

    MASKED = "masked"  # the last four digits
    HASHED = "hashed"  # the same caller gets the same value; texts are masked
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Column:
    """`take`: reads its value from a record; None if the record doesn't have it."""

    name: str
    kind: Kind
    about: str
    take: Callable[[Document], Any]


def _text(*path: str) -> Callable[[Document], str | None]:
    return lambda record: text(record, *path) or None


def _whole(*path: str) -> Callable[[Document], int | None]:
    return lambda record: _int(number(record, *path))


def _int(found: float | None) -> int | None:
    return round(found) if found is not None and abs(found) < _LARGEST else None


def _real(*path: str) -> Callable[[Document], float | None]:
    return lambda record: number(record, *path)


def _time(name: str) -> Callable[[Document], datetime | None]:
    def take(record: Document) -> datetime | None:
        seconds = to_unix(text(record, name))
        # whole milliseconds, as in the record: rounding of floats would make two exports differ
        return None if not seconds else datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)

    return take


def _tools(record: Document) -> int:
    return len(objects(record, "tools"))


def _failovers(record: Document) -> int:
    return max(0, len(objects(record, "agents")) - 1)


def _successful(record: Document) -> bool | None:
    said = text(record, "analysis", "call_successful").casefold()
    return {"success": True, "true": True, "failure": False, "false": False}.get(said)


def _charged(unit: str) -> Callable[[Document], float | None]:
    """The sum over the call's conversations; None if one has no charge in this unit."""

    def take(record: Document) -> float | None:
        charges = [number(charge, unit) for charge in objects(record, "charges")]
        known = [charge for charge in charges if charge is not None]
        return round(sum(known), 6) if known and len(known) == len(charges) else None

    return take


def _unknown(record: Document) -> str | None:
    parts = at(record, "cost", "unknown")
    return ",".join(text(part) for part in parts) if isinstance(parts, list) else None


def _turns(record: Document) -> list[dict[str, Any]]:
    return [
        {
            "speaker": text(turn, "speaker"),
            "text": text(turn, "text"),
            "offset_ms": _int(number(turn, "offset_ms")),
            "interrupted": at(turn, "interrupted") is True,
            "heard_ms": _int(number(turn, "heard_ms")),
            "answer_ms": _int(number(turn, "answer_ms")),
        }
        for turn in objects(record, "turns")
    ]


COLUMNS: Final = (
    Column("schema", Kind.WHOLE, "version of this table", lambda _: SCHEMA),
    Column("call_sid", Kind.TEXT, "Exotel's id of the call", _text("call_sid")),
    Column("conversation_id", Kind.TEXT, "the vendor's id of the conversation", _text("conversation_id")),
    Column("started_at", Kind.TIME, "start of the stream", _time("started_at")),
    Column("ended_at", Kind.TIME, "its end", _time("ended_at")),
    Column("duration_s", Kind.REAL, "between the two, in seconds", _real("duration_s")),
    Column("from_number", Kind.TEXT, "the caller's number, as --numbers says", _text("from")),
    Column("to_number", Kind.TEXT, "the number that was called, in full", _text("to")),
    Column("agent", Kind.TEXT, "alias of the last agent", _text("agent", "alias")),
    Column("vendor", Kind.TEXT, "its vendor", _text("agent", "vendor")),
    Column("failovers", Kind.WHOLE, "agents that failed and were replaced", _failovers),
    Column("ended_by", Kind.TEXT, "caller, agent, relay, line or operator", _text("ended_by")),
    Column("end_reason", Kind.TEXT, "as in contracts.md", _text("end_reason")),
    Column("transfer_state", Kind.TEXT, "requested, answered, busy, …; empty without one", _text("transfer", "state")),
    Column("transfer_target", Kind.TEXT, "the target's name", _text("transfer", "target")),
    Column("transfer_reason", Kind.TEXT, "why, in the agent's words", _text("transfer", "reason")),
    Column("successful", Kind.YES_NO, "what the vendor's analysis says", _successful),
    Column("summary", Kind.TEXT, "the vendor's summary", _text("analysis", "transcript_summary")),
    Column(
        "first_audio_ms", Kind.WHOLE, "from the start to the first words heard", _whole("quality", "first_audio_ms")
    ),
    Column("answer_p50_ms", Kind.WHOLE, "median answer time, heard", _whole("quality", "answer_ms", "p50")),
    Column("answer_p95_ms", Kind.WHOLE, "95th percentile of it", _whole("quality", "answer_ms", "p95")),
    Column("interruptions", Kind.WHOLE, "how often the caller cut in", _whole("quality", "interruptions")),
    Column("gaps", Kind.WHOLE, "holes in the sound sent", _whole("quality", "gaps")),
    Column("gap_ms", Kind.WHOLE, "their length", _whole("quality", "gap_ms")),
    Column("tools_called", Kind.WHOLE, "how many tools the agent called", _tools),
    Column("turns", Kind.TURNS, "who said what", _turns),
    Column("vendor_usd", Kind.REAL, "US dollars that the vendor said it takes", _charged("usd")),
    Column("vendor_credits", Kind.REAL, "the same in its credits", _charged("credits")),
    Column("vendor_version", Kind.TEXT, "the vendor's version of the agent", _text("vendor_version")),
    Column("agents_version", Kind.TEXT, "version of the agents' file", _text("agents_version")),
    Column("cost", Kind.REAL, "what is known of its cost, in cost_currency", _real("cost", "known")),
    Column("cost_currency", Kind.TEXT, "its currency", _text("cost", "currency")),
    Column("cost_unknown", Kind.TEXT, "the parts that are not in it: vendor, exotel, cloud", _unknown),
)


class Rows:
    """Records as rows, with numbers as chosen. `key` makes hashes that nobody else can make; needed for HASHED."""

    def __init__(self, numbers: Numbers, key: str = "") -> None:
        if numbers is Numbers.HASHED and not key:
            raise ValueError("--numbers hashed: expected a secret in EXPORT_HASH_KEY, the same for every export")
        self._numbers = numbers
        self._key = key.encode()

    def row(self, record: Document) -> dict[str, Any]:
        """Values by column name, in the order of COLUMNS."""
        row = {column.name: column.take(record) for column in COLUMNS}
        if self._numbers is Numbers.FULL:
            return row
        caller = row["from_number"]
        row = {name: _masked(value) if name in _WORDS else value for name, value in row.items()}
        row["from_number"] = None if caller is None else self._hidden(caller)
        return row

    def _hidden(self, caller: str) -> str:
        if self._numbers is Numbers.HASHED:
            return hmac.new(self._key, caller.encode(), hashlib.sha256).hexdigest()[:24]
        return mask(caller)


_WORDS: Final = {"transfer_reason", "summary", "turns"}
"""Columns that may hold a number somebody said."""


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, list):
        return [{**turn, "text": mask_text(turn["text"])} for turn in value]
    return value


def calls(record: Mapping[str, Any]) -> bool:
    """Whether a document is the record of a call."""
    return "turns" in record or "started_at" in record or bool(mapping(record, "quality"))
