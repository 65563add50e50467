"""One call, as its page shows it."""

from dataclasses import asdict
from typing import Any

from common import layout
from common.documents import Document, decode, number, objects, text
from common.layout import is_id
from common.times import to_unix
from console.calls.heard import heard_words, meant_by, pace
from console.calls.masking import mask_all
from console.calls.raw import RawPiece, pieces_of, tool_calls
from console.calls.rows import row_of
from console.calls.source import Source


def view(source: Source, call_sid: str, *, numbers: bool) -> dict[str, Any] | None:
    """None when the store has nothing of this call. `numbers`: whole, or only their last digits."""
    body = source.read(layout.record(call_sid))
    problem = "" if body is None else row_of(call_sid, body).problem
    record = _readable(body) if body else {}
    conversations = list(
        dict.fromkeys(
            found
            for found in (text(record, "conversation_id"), *(text(one, "conversation_id") for one in _agents(record)))
            if is_id(found)
        )
    )
    pieces = pieces_of(source, call_sid, conversations)
    if body is None and not pieces:
        return None
    shown = {
        "call_sid": call_sid,
        "problem": problem or ("" if body is not None else "There are events of this call, but no record yet."),
        "record": record,
        "turns": _turns(record, pieces),
        "pace_ms_a_letter": round(pace(objects(record, "turns"))),
        "tools": tool_calls(pieces, to_unix(text(record, "started_at"))),
        "raw": [asdict(piece) for piece in pieces],
    }
    return shown if numbers else mask_all(shown)


def sound_offset_ms(record: Document) -> float:
    """How far into the call the vendor's recording begins: with the first conversation, not with the stream."""
    began, talked = to_unix(text(record, "started_at")), to_unix(text(next(iter(_agents(record)), {}), "started_at"))
    return 0.0 if began is None or talked is None else max(0.0, (talked - began) * 1000)


def _turns(record: Document, pieces: list[RawPiece]) -> list[dict[str, Any]]:
    turns = [turn for turn in objects(record, "turns") if text(turn, "text")]
    ms_a_letter = pace(turns)
    meant = meant_by(
        [piece.body for piece in pieces if piece.key.startswith("inbox/") and isinstance(piece.body, dict)]
    )
    shown = []
    for turn in turns:
        heard = heard_words(turn, ms_a_letter, meant.get(text(turn, "text"), ""))
        heard_ms = number(turn, "heard_ms")
        length_ms = heard_ms if heard_ms is not None else len(text(turn, "text")) * ms_a_letter
        shown.append(
            {
                "speaker": text(turn, "speaker"),
                "offset_ms": number(turn, "offset_ms"),
                "length_ms": round(length_ms),
                "length_is_known": heard_ms is not None,
                "interrupted": bool(turn.get("interrupted")),
                **asdict(heard),
            }
        )
    return shown


def _agents(record: Document) -> list[Document]:
    return objects(record, "agents")


def _readable(body: bytes) -> Document:
    try:
        return decode(body)
    except ValueError:
        return {}
