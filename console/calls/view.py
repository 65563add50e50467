"""One call, as its page shows it."""

from dataclasses import asdict
from typing import Any

from common import layout
from common.documents import Document, mapping, number, objects, readable, text
from common.layout import is_id
from common.live import so_far, without_places
from common.times import to_unix
from console.calls.raw import RawPiece, pieces_of
from console.calls.rows import is_running, row_of
from console.calls.source import Source
from console.calls.timeline import timeline
from console.records.cause import failovers, of_record
from console.records.loudness import loudness
from console.records.masking import mask_all
from functions.common.calls import fold
from functions.common.pieces import gather


def view(source: Source, call_sid: str, *, numbers: bool) -> dict[str, Any] | None:
    """None if the store has nothing about this call. `numbers`: show them in full, else only the last digits."""
    body = source.read(layout.record(call_sid))
    problem = "" if body is None else row_of(call_sid, body).problem
    record = readable(body) if body else {}
    conversations = list(
        dict.fromkeys(
            found
            for found in (text(record, "conversation_id"), *(text(one, "conversation_id") for one in _agents(record)))
            if is_id(found)
        )
    )
    pieces = pieces_of(source, call_sid, conversations)
    if problem:  # the record does not say which agent the call had; its pieces do
        pieces = pieces_of(source, call_sid, sorted(_mentioned(pieces)))
        if record := _made_anew(source, call_sid):
            problem = f"{problem} What is shown was rebuilt from them."
    if body is None and not pieces:
        return None
    cause = of_record(record)
    running = is_running(record) if body is not None else _has_only_begun(pieces)
    if running:
        record = {**record, **_told_so_far(source, call_sid)}
    shown = {
        "call_sid": call_sid,
        "problem": problem or ("" if body is not None or running else "There are events of this call, but no record."),
        "running": running,
        "cause": asdict(cause) if cause else None,
        "failovers": failovers(record),
        "loudness": list(loudness(record)),
        "record": record,
        "timeline": timeline(record, pieces),
        "raw": [{**asdict(piece), "folder": piece.folder} for piece in pieces],
    }
    return shown if numbers else mask_all(shown)


def _told_so_far(source: Source, call_sid: str) -> Document:
    """The relay's last report of a running call (docs/live.md); empty if there is none."""
    bodies = (source.read(key) for key, _ in source.stamps(f"{layout.LIVE}{call_sid}/"))
    live = max((so_far(body) for body in bodies if body), key=lambda one: number(one, "number") or 0, default={})
    lists = {name: list(without_places(objects(live, name))) for name in ("turns", "tools", "commands")}
    said = {name: live.get(name) for name in ("started_at", "from", "to", "agent", "agents", "conversation_id")}
    return {name: value for name, value in {**said, **lists}.items() if value}


def _made_anew(source: Source, call_sid: str) -> Document:
    """The record rebuilt from its pieces, if it is damaged; empty if the pieces are gone too."""
    pieces = gather(source.store, call_sid)
    try:
        return fold(call_sid, pieces) if pieces.known else {}
    except (KeyError, TypeError, ValueError):  # the pieces are damaged too
        return {}


def _mentioned(pieces: list[RawPiece]) -> set[str]:
    """Conversations that the call's events name, or that named this call."""
    bodies = [piece.body for piece in pieces if isinstance(piece.body, dict)]
    named = (text(one, "conversation_id") for body in bodies for one in (body, *_agents(body)))
    return {name for name in named if is_id(name)}


def _has_only_begun(pieces: list[RawPiece]) -> bool:
    """A folder store has no record before the end of a call: until then the events show that it is running."""
    kinds = {text(piece.body, "type") for piece in pieces if isinstance(piece.body, dict)}
    return "call.started" in kinds and "call.ended" not in kinds


def begins_ms(source: Source, call_sid: str, suffix: str) -> float:
    """`sound_offset_ms` from the record alone, without reading the pieces, as the call's page has read them already."""
    body = source.read(layout.record(call_sid))
    record = {} if body is None else readable(body) or _made_anew(source, call_sid)
    return sound_offset_ms(record, suffix)


def sound_offset_ms(record: Document, suffix: str) -> float:
    """When the call's sound begins: our recording with a stream, a vendor's (`.mp3`) with the first conversation."""
    if suffix != ".mp3":
        files = objects(mapping(record, "recording"), "files")
        return number(files[0], "offset_ms") or 0.0 if files else 0.0
    began, talked = to_unix(text(record, "started_at")), to_unix(text(next(iter(_agents(record)), {}), "started_at"))
    return 0.0 if began is None or talked is None else max(0.0, (talked - began) * 1000)


def _agents(record: Document) -> list[Document]:
    return objects(record, "agents")
