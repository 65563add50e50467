"""A record as a row of the index: what the list shows, filters and sorts by, and the words it is found by."""

from dataclasses import dataclass
from datetime import datetime

from common.documents import decode, number, objects, text
from common.masking import mask_text
from common.phone import mask, to_e164
from common.times import to_unix

SCHEMA = 1
TITLE_LENGTH = 140
_OLDEST, _NEWEST = datetime(2000, 1, 1).timestamp(), datetime(2200, 1, 1).timestamp()


@dataclass(frozen=True, slots=True)
class Row:
    """One call. `started`: Unix seconds, 0 when not known; `day`: its date where the explorer runs. `problem`: why
    the record can't be read, as a sentence; then there is little else."""

    call_sid: str
    started: float = 0.0
    day: str = ""
    agent: str = ""
    end_reason: str = ""
    transfer: str = ""
    duration_s: float = 0.0
    turns: int = 0
    interruptions: int = 0
    gaps: int = 0
    first_audio_ms: float | None = None
    caller: str = ""
    title: str = ""
    problem: str = ""
    words: str = ""


def row_of(call_sid: str, body: bytes) -> Row:
    """Never raises: a record that can't be read becomes a row that says so."""
    try:
        record = decode(body)
    except ValueError as error:
        whole = "It is empty" if not body.strip() else "It was cut off, or something else has written to it"
        return Row(call_sid, problem=f"The record is damaged ({error}). {whole}; see its raw events below.")
    schema = number(record, "schema")
    if schema is not None and schema > SCHEMA:
        return Row(call_sid, problem=f"The record is of schema {schema:g}: made by a newer version than this one.")
    if "turns" not in record and "started_at" not in record:
        return Row(call_sid, problem="This is JSON, but not a record of a call: it has neither a start nor turns.")
    started = to_unix(text(record, "started_at")) or 0.0
    started = started if _OLDEST < started < _NEWEST else 0.0
    turns = [turn for turn in objects(record, "turns") if text(turn, "text")]
    transfer = record.get("transfer")
    interrupted = sum(1 for turn in turns if turn.get("interrupted") and text(turn, "speaker") == "agent")
    return Row(
        call_sid,
        started=started,
        day=f"{datetime.fromtimestamp(started).astimezone():%Y-%m-%d}" if started else "",
        agent=text(record, "agent", "alias") or text(record, "agent", "id"),
        end_reason=text(record, "end_reason"),
        transfer=text(transfer, "state") if transfer else "",
        duration_s=number(record, "duration_s") or 0.0,
        turns=len(turns),
        interruptions=_count(number(record, "quality", "interruptions") or interrupted),
        gaps=_count(number(record, "quality", "gaps") or 0),
        first_audio_ms=number(record, "quality", "first_audio_ms"),
        caller=mask(text(record, "from")),
        title=mask_text(_title(record, turns))[:TITLE_LENGTH],
        words=" ".join(filter(None, (call_sid, *_numbers(record), *_sayings(record, turns)))),
    )


def _count(value: float) -> int:
    """A number of things that SQLite can hold, whatever the record says."""
    return round(min(1e9, max(0.0, value)))


def _title(record: dict[str, object], turns: list[dict[str, object]]) -> str:
    for found in ("call_summary_title", "transcript_summary"):
        if title := text(record, "analysis", found):
            return title
    caller = (text(turn, "text") for turn in turns if text(turn, "speaker") == "caller")
    return text(record, "transfer", "summary") or next(caller, "") or next((text(turn, "text") for turn in turns), "")


def _numbers(record: dict[str, object]) -> list[str]:
    """As dialled nationally, internationally, and by their last four digits: people search for any of these."""
    found = []
    for side in ("from", "to"):
        given = text(record, side)
        digits = (to_e164(given) or given).lstrip("+")
        found += [digits, digits[-10:], f"0{digits[-10:]}", digits[-4:]] if digits else []
    return found


def _sayings(record: dict[str, object], turns: list[dict[str, object]]) -> list[str]:
    return [
        *(text(turn, "text") for turn in turns),
        text(record, "conversation_id"),
        *(text(record, "transfer", key) for key in ("target", "reason", "summary")),
        *(text(record, "analysis", key) for key in ("call_summary_title", "transcript_summary")),
        text(record, "end_detail"),
    ]
