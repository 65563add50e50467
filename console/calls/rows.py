"""A record as a row of the index: the columns that the list shows, filters and sorts by, and the words to search."""

import re
from dataclasses import dataclass
from datetime import datetime

from common.documents import decode, mapping, number, objects, text
from common.masking import mask_text
from common.phone import mask
from common.prices import Prices
from common.times import to_unix
from console.calls.digits import kept
from console.costs.of_call import minutes_usd
from console.records.cause import failovers, of_record

SCHEMA = 1
TITLE_LENGTH = 140
RUNNING = "running"
"""Stands in place of the end's reason."""
WAITING = frozenset({"requested", "fetched", "ringing"})
"""States of a transfer in which a caller waits for a human."""
LONGEST_WAIT_MS = 60_000
_UNSAFE = re.compile(r"[=;]")
_LONGEST_NAME, _MOST_CRITERIA = 64, 20
_LONGEST_TAG, _MOST_TAGS = 64, 16  # the relay's limits for tags from a look-up
_OLDEST, _NEWEST = datetime(2000, 1, 1).timestamp(), datetime(2200, 1, 1).timestamp()


@dataclass(frozen=True, slots=True)
class Row:
    """One call. `started`: Unix seconds, 0 if unknown; `day`, `hour`: in the time zone of the explorer, the hour -1 if
    unknown. `cause`, `why`: the kind of failure, and a sentence about it. `answer_ms`: median time that the caller
    waited for an answer. `waiting_since`: when a transfer began that nobody has picked up, Unix seconds, else 0.
    `agent_version`: the vendor's, else that of the agents' file. `criteria`: see `criteria_of`. `tags`: see `tags_of`,
    one per line; `lookup`: how the look-up before the greeting went, empty for none. `cost_usd`: of the agent and of
    Exotel's minutes, None if unknown. `problem`: a sentence that says why the record can't be read; most other fields
    are then empty."""

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
    answer_ms: float | None = None
    hour: int = -1
    called: str = ""
    cause: str = ""
    why: str = ""
    failovers: int = 0
    waiting_since: float = 0.0
    success: str = ""
    caller: str = ""
    title: str = ""
    problem: str = ""
    cost_usd: float | None = None
    agent_version: str = ""
    criteria: str = ""
    tags: str = ""
    lookup: str = ""
    words: str = ""
    digits: str = ""


def row_of(call_sid: str, body: bytes, prices: Prices | None = None) -> Row:
    """Never raises: an unreadable record becomes a row that says so."""
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
    cause = of_record(record)
    local = datetime.fromtimestamp(started).astimezone() if started else None
    state = text(transfer, "state") if transfer else ""
    interrupted = sum(1 for turn in turns if turn.get("interrupted") and text(turn, "speaker") == "agent")
    return Row(
        call_sid,
        started=started,
        day=f"{local:%Y-%m-%d}" if local else "",
        agent=text(record, "agent", "alias") or text(record, "agent", "id"),
        end_reason=RUNNING if is_running(record) else text(record, "end_reason"),
        transfer=state,
        duration_s=number(record, "duration_s") or 0.0,
        turns=len(turns),
        interruptions=_count(number(record, "quality", "interruptions") or interrupted),
        gaps=_count(number(record, "quality", "gaps") or 0),
        first_audio_ms=number(record, "quality", "first_audio_ms"),
        answer_ms=median_answer_ms(turns),
        hour=local.hour if local else -1,
        called=text(record, "to"),
        cause=cause.kind if cause else "",
        why=mask_text(cause.sentence) if cause else "",
        failovers=len(failovers(record)),
        waiting_since=(to_unix(text(record, "ended_at")) or started) if state in WAITING else 0.0,
        success=text(record, "analysis", "call_successful"),
        caller=mask(text(record, "from")),
        title=mask_text(_title(record, turns))[:TITLE_LENGTH],
        agent_version=text(record, "vendor_version") or text(record, "agents_version"),
        criteria=criteria_of(record),
        tags="\n".join(tags_of(record)),
        lookup=text(record, "lookup", "outcome")[:_LONGEST_NAME],
        cost_usd=minutes_usd(record, prices) if prices else None,
        words=" ".join(filter(None, (call_sid, *_sayings(record, turns)))),
        digits=kept(_numbers(record), (text(turn, "text") for turn in turns)),
    )


def criteria_of(record: dict[str, object]) -> str:
    """The vendor's result for each of the user's criteria: `polite=success;resolved=failure`, ordered by name."""
    results = mapping(record, "analysis", "evaluation_criteria_results")
    listed = objects(record, "analysis", "evaluation_criteria_results_list")
    said = {
        **{text(one, "criteria_id"): text(one, "result") for one in listed},
        **{name: text(one, "result") for name, one in results.items()},
    }
    kept = {_UNSAFE.sub("_", name)[:_LONGEST_NAME]: result for name, result in said.items() if name}
    judged = sorted((name, result) for name, result in kept.items() if result in {"success", "failure"})
    return ";".join(f"{name}={result}" for name, result in judged[:_MOST_CRITERIA])


def tags_of(record: dict[str, object]) -> list[str]:
    """The tags that a look-up gave this call, each in the form of `tag_of`, sorted, without duplicates."""
    tags = record.get("tags")
    listed = tags if isinstance(tags, list) else []
    return sorted({tag for one in listed[:_MOST_TAGS] if isinstance(one, str) and (tag := tag_of(one))})


def tag_of(given: str) -> str:
    """A tag on one line, with numbers masked, because lists and URLs contain it."""
    return mask_text(" ".join(given.split()))[:_LONGEST_TAG]


def median_answer_ms(turns: list[dict[str, object]]) -> float | None:
    """How long the caller waited for an answer, from the times of the turns; None if nothing was answered.

    From the moment the caller's words were recognised until the agent began. The pause before it, in which a vendor
    makes sure that the caller has finished, is not included.
    """
    waits = answer_times(turns)
    known = sorted(wait for wait in waits if wait is not None)
    return known[len(known) // 2] if known else None


def answer_times(turns: list[dict[str, object]]) -> list[float | None]:
    """For each turn, how long after the caller's last words it began; None if it answers nothing."""
    waits: list[float | None] = []
    asked_ms: float | None = None
    for turn in turns:
        at_ms = number(turn, "offset_ms")
        answers = text(turn, "speaker") == "agent" and asked_ms is not None and at_ms is not None
        wait = at_ms - asked_ms if answers and at_ms is not None and asked_ms is not None else None
        waits.append(wait if wait is not None and 0 <= wait < LONGEST_WAIT_MS else None)
        asked_ms = at_ms if text(turn, "speaker") == "caller" else None
    return waits


def is_running(record: dict[str, object]) -> bool:
    """Whether the relay reported a start, and neither it nor the sweep, which closes lost calls, reported an end."""
    sources = record.get("sources")
    begun = bool(text(record, "started_at")) and isinstance(sources, list) and "relay" in sources
    return begun and not text(record, "ended_at") and not text(record, "end_reason")


def _count(value: float) -> int:
    """A count that SQLite can store, whatever the record says."""
    return round(min(1e9, max(0.0, value)))


def _title(record: dict[str, object], turns: list[dict[str, object]]) -> str:
    for found in ("call_summary_title", "transcript_summary"):
        if title := text(record, "analysis", found):
            return title
    caller = (text(turn, "text") for turn in turns if text(turn, "speaker") == "caller")
    return text(record, "transfer", "summary") or next(caller, "") or next((text(turn, "text") for turn in turns), "")


def _numbers(record: dict[str, object]) -> list[str]:
    """All participants: both sides, and the numbers dialled for a transfer."""
    dialled = (text(one, "number") for one in objects(record, "transfer", "attempts"))
    return [text(record, "from"), text(record, "to"), *dialled]


def _sayings(record: dict[str, object], turns: list[dict[str, object]]) -> list[str]:
    return [
        *(text(turn, "text") for turn in turns),
        text(record, "conversation_id"),
        *(text(record, "transfer", key) for key in ("target", "reason", "summary")),
        *(text(record, "analysis", key) for key in ("call_summary_title", "transcript_summary")),
        text(record, "end_detail"),
        *tags_of(record),
    ]
