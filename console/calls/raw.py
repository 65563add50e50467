"""The pieces that a record was made from, and the tool calls that only the pieces contain."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from common import layout
from common.documents import Document, decode, number, objects, readable, text
from common.times import to_unix
from console.calls.source import Source
from functions.common.sealed import SealedError

READERS = 8


@dataclass(frozen=True, slots=True)
class RawPiece:
    """One object of the store. `folder`: the kind of piece; `body`: JSON, or text if it is not JSON. `at`: Unix
    seconds, None if neither the piece nor the store says.
    """

    key: str
    at: float | None
    body: Any

    @property
    def folder(self) -> str:
        """`events`, `dial` …, or `conversations` and `inbox` for the vendor's accounts."""
        first, *others = self.key.split("/")
        return others[1] if first == "calls" and len(others) > 1 else first


def pieces_of(source: Source, call_sid: str, conversation_ids: list[str]) -> list[RawPiece]:
    """Everything in the store about a call besides its record, in the order of time."""
    with ThreadPoolExecutor(READERS) as readers:  # a bucket has no bulk read, so read many concurrently
        keys = list(_keys(source, call_sid, conversation_ids))
        found = list(readers.map(lambda key: _piece(source, *key), keys))
    return sorted(found, key=lambda piece: (piece.at is None, piece.at or 0.0, piece.key))


def tool_calls(pieces: list[RawPiece], started_at: float | None) -> list[dict[str, Any]]:
    """The tool calls and their results: from the vendor's transcripts, else from the relay's events."""
    found: list[dict[str, Any]] = []
    for piece in pieces:
        if piece.key.startswith("inbox/") and isinstance(piece.body, dict):
            found += _of_transcript(piece.body, started_at)
    if any(tool["name"] == "transfer_to_human" for tool in found):
        return found
    for piece in pieces:
        if isinstance(piece.body, dict) and text(piece.body, "type") == "call.transfer_requested":
            at_ms = None if piece.at is None or started_at is None else round((piece.at - started_at) * 1000)
            parameters = piece.body.get("transfer")
            found.append({"at_ms": at_ms, "name": "transfer_to_human", "parameters": parameters, "result": None})
    return found


def _keys(source: Source, call_sid: str, conversation_ids: list[str]) -> Iterator[tuple[str, float | None]]:
    """Each with the time when it was written, because a dial event has no time of its own."""
    yield from source.stamps(layout.pieces(call_sid))
    for conversation_id in conversation_ids:
        for key, written in source.stamps(layout.conversation(conversation_id)):
            yield key, written
            # A webhook's result is named by its body's digest, and so is the body in the inbox, under its day.
            kind, _, name = key.rpartition("/")[2].removesuffix(".json").partition("-")
            said_at = text(readable(source.read(key) or b""), "at")
            if kind == "webhook" and len(said_at) >= 10:
                year, month, day = said_at[:10].split("-")
                yield f"inbox/{year}/{month}/{day}/{name}.json", written


def _piece(source: Source, key: str, written: float | None) -> RawPiece:
    try:
        body = source.sealing.open(key, source.read(key) or b"")
    except SealedError as error:
        return RawPiece(key, written, f"{error}: set RAW_BODIES_KEY for the explorer to read it")
    try:
        document = decode(body)
    except ValueError:
        return RawPiece(key, written, body[:100_000].decode(errors="replace"))
    at = to_unix(text(document, "at")) or number(document, "event_timestamp")
    return RawPiece(key, at or written, document)


def _of_transcript(webhook: Document, started_at: float | None) -> list[dict[str, Any]]:
    began = number(webhook, "data", "metadata", "start_time_unix_secs")
    ahead_ms = 0.0 if began is None or started_at is None else (began - started_at) * 1000
    turns = objects(webhook, "data", "transcript")
    results = {text(result, "request_id"): result for turn in turns for result in objects(turn, "tool_results")}
    found = []
    for turn in turns:
        for call in objects(turn, "tool_calls"):
            result = results.get(text(call, "request_id"))
            seconds = number(turn, "time_in_call_secs") or 0.0
            found.append(
                {
                    "at_ms": max(0, round(seconds * 1000 + ahead_ms)),
                    "name": text(call, "tool_name"),
                    "parameters": _parameters(text(call, "params_as_json")),
                    "result": None
                    if result is None
                    else {"text": text(result, "result_value"), "is_error": result.get("is_error") is True},
                }
            )
    return found


def _parameters(given: str) -> Any:
    try:
        return decode(given.encode())
    except ValueError:
        return given
