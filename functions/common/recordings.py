"""What is known of a call's recording: from the relay at the end of a stream, then from the sweep that joined it."""

from common.documents import Document, mapping, number, objects, text
from common.recording import MOST_PIECES, PIECE_SECONDS
from functions.common.pieces import Pieces
from functions.common.streams import Stream

ENDED = "recording.ended"
LONGEST_MS = MOST_PIECES * PIECE_SECONDS * 1000


def told_of(pieces: Pieces) -> dict[str, Document]:
    """stream_sid → what the relay reported of that stream's recording at its end."""
    events = (event for event in pieces.events if text(event, "type") == ENDED)
    return {text(event, "stream_sid"): mapping(event, "recording") for event in events}


def duration_ms(told: Document) -> int | None:
    """Length of a stream's recording; None if it was not reported."""
    length = number(told, "duration_ms")
    return None if length is None else round(min(max(0.0, length), LONGEST_MS))


def offsets_ms(streams: list[Stream]) -> dict[str, int]:
    """stream_sid → start of the stream in milliseconds from the start of the call."""
    return {one.stream_sid: round((one.started_at - streams[0].started_at) * 1000) for one in streams}


def shifted(spans: list[Document], by_ms: int) -> list[Document]:
    """The same stretches in the call's time; malformed ones are left out."""
    found = []
    for span in spans:
        low, high = number(span, "from_ms"), number(span, "to_ms")
        if low is not None and high is not None:
            found.append({"from_ms": round(low) + by_ms, "to_ms": round(high) + by_ms, "why": text(span, "why")})
    return found


def recording_of(pieces: Pieces, streams: list[Stream]) -> Document | None:
    """The record's `recording`; None if the call was not recorded."""
    told, joined = told_of(pieces), sorted(pieces.joined, key=lambda one: number(one, "offset_ms") or 0)
    if not told and not joined:
        return None
    offsets = offsets_ms(streams)
    files = [{name: one.get(name) for name in ("key", "offset_ms", "duration_ms", "bytes", "sha256")} for one in joined]
    missing = [span for one in joined for span in objects(one, "missing")]
    spans: dict[str, list[Document]] = {"paused": [], "masked": [], "missing": missing}
    for stream_sid, said in told.items():
        for kind, found in spans.items():
            found += shifted(objects(said, kind), offsets.get(stream_sid, 0))
    first: Document = next(filter(None, (*told.values(), *joined)), {})
    begins = [
        round(since) + offsets.get(stream_sid, 0)
        for stream_sid, said in told.items()
        if (since := number(said, "caller_from_ms")) is not None
    ]
    return {
        "file": files[0]["key"] if files else None,
        "files": files,
        "channels": first.get("channels"),
        "rate_hz": first.get("rate_hz"),
        "caller_from_ms": min(begins, default=None),
        "duration_ms": max(
            [duration_ms(said) or 0 for said in told.values()] + [duration_ms(one) or 0 for one in joined]
        ),
        "pieces": sum(round(number(said, "pieces") or 0) for said in told.values()) or None,
        **{kind: sorted(found, key=lambda one: (one["from_ms"], one["to_ms"])) for kind, found in spans.items()},
    }
