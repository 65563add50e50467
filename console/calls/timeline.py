"""Everything that happened in a call, in the order of time: words, tools, agents, transfer, events and webhooks."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from common.documents import Document, mapping, number, objects, text
from common.times import to_unix
from console.calls.heard import heard_words, meant_by, pace
from console.calls.raw import RawPiece, tool_calls
from console.calls.rows import answer_times
from console.records.cause import failovers
from console.words import counted, named

_A_NOTICE_MS = 1000
_ENDED_DIALS = {"answered", "busy", "no_answer", "failed"}


def timeline(record: Document, pieces: list[RawPiece]) -> list[dict[str, Any]]:
    """Items for the page, each with `at_ms` since the call's start and a `kind`: turn, tool, agent, transfer, recording
    or event.

    An item without a time, for instance a tool call in a transcript without times, is placed at 0.
    """
    began = to_unix(text(record, "started_at"))
    items = [
        *turns_of(record, pieces),
        *({"kind": "tool", **tool, "at_ms": tool["at_ms"] or 0} for tool in tool_calls(pieces, began)),
        *_agents(record, began),
        *_of_pieces(pieces, began),
        *_recording(record),
    ]
    return sorted(items, key=lambda item: item["at_ms"])


def turns_of(record: Document, pieces: list[RawPiece]) -> list[dict[str, Any]]:
    """What was said, and how much of it was heard.

    A caller's turn has only the time of its end, when the words were recognised; a turn without a time follows the
    one before.
    """
    turns = [turn for turn in objects(record, "turns") if text(turn, "text")]
    ms_a_letter = pace(turns)
    meant = meant_by(
        [piece.body for piece in pieces if piece.key.startswith("inbox/") and isinstance(piece.body, dict)]
    )
    shown: list[dict[str, Any]] = []
    began = end = 0.0
    for turn, waited_ms in zip(turns, answer_times(turns), strict=True):
        speaker, known = text(turn, "speaker"), number(turn, "offset_ms")
        heard_ms = number(turn, "heard_ms")
        length_ms = heard_ms if heard_ms is not None else len(text(turn, "text")) * ms_a_letter
        at_ms = end if known is None else known
        began = max(began, at_ms - length_ms) if speaker == "caller" and known is not None else at_ms
        end = began + length_ms
        shown.append(
            {
                "kind": "turn",
                "speaker": speaker,
                "at_ms": round(began),
                "length_ms": round(length_ms),
                "length_is_known": heard_ms is not None,
                "interrupted": bool(turn.get("interrupted")) and speaker == "agent",
                "answer_ms": waited_ms,
                **asdict(heard_words(turn, ms_a_letter, meant.get(text(turn, "text"), ""))),
            }
        )
    return shown


def _agents(record: Document, began: float | None) -> list[dict[str, Any]]:
    """One item per failover, at the moment the next agent began."""
    return [
        _told("agent", _ms(to_unix(text(agent, "started_at")), began), sentence, "bad")
        for agent, sentence in zip(objects(record, "agents")[1:], failovers(record), strict=False)
    ]


_PAUSED_BY = {"agent": "the agent asked for it", "keys": "the caller pressed keys"}


def _recording(record: Document) -> Iterator[dict[str, Any]]:
    """Where the caller's side begins after a notice, and gaps in the recording, intended or not."""
    recording = mapping(record, "recording")
    since = number(recording, "caller_from_ms")
    if since is not None and since >= _A_NOTICE_MS:
        yield _told("recording", round(since), "The caller is recorded from here on.", "")
    for kind in ("paused", "masked", "missing"):
        for span in objects(recording, kind):
            at, seconds = number(span, "from_ms") or 0.0, _seconds(span)
            why = text(span, "why")
            said = {
                "paused": f"The recording was paused for {seconds}: {_PAUSED_BY.get(why, why)}.",
                "masked": "A key was pressed: its tone is not in the recording.",
                "missing": f"{seconds} of the recording are missing: {why}.",
            }
            yield _told("recording", round(at), said[kind], "bad" if kind == "missing" else "")


def _seconds(span: Document) -> str:
    return f"{((number(span, 'to_ms') or 0.0) - (number(span, 'from_ms') or 0.0)) / 1000:.1f} s"


def _of_pieces(pieces: list[RawPiece], began: float | None) -> list[dict[str, Any]]:
    asked: float | None = None
    items: list[dict[str, Any]] = []
    for piece in pieces:
        if text(piece.body, "type") == "call.transfer_requested":
            asked = piece.at  # the tool has an item of its own
        elif (told := _of_piece(piece, asked)) and piece.at is not None:
            kind, sentence, tone = told
            items.append(_told(kind, _ms(piece.at, began), sentence, tone))
    return items


def _of_piece(piece: RawPiece, asked: float | None) -> tuple[str, str, str] | None:
    """Kind, sentence and tone; None for pieces that are shown elsewhere, or are not of interest to a person."""
    if not isinstance(piece.body, dict):
        return None
    body = piece.body
    waited = "" if asked is None or piece.at is None else f", {piece.at - asked:.0f} s after it was asked for"
    match piece.folder, text(body, "type"):
        case "events", "call.started":
            return "event", "The call began.", ""
        case "events", "call.ended":
            return "event", f"The call ended: {named(text(body, 'end_reason')) or 'unknown'}.", ""
        case "connect", _ if numbers := body.get("numbers"):
            return "transfer", f"Exotel was given {counted(len(numbers), 'number')} to dial{waited}.", ""
        case "connect", _ if body.get("waited_in_vain"):
            return "transfer", f"Exotel was given nobody to dial{waited}.", "bad"
        case "dial", _:
            return _dialled(body, waited)
        case "streams", _:
            return "event", f"Exotel says of the stream: {named(text(body, 'status')) or 'ended'}.", ""
        case "inbox", kind if kind:
            return "event", f"A webhook of the vendor's came: {named(kind)}.", ""
    return None


def _dialled(body: Document, waited: str) -> tuple[str, str, str]:
    state = text(body, "state")
    whom = text(body, "number") or "the number"
    said = {
        "ringing": f"{whom} rings{waited}.",
        "answered": f"{whom} picked up{waited}.",
        "busy": f"{whom} was busy{waited}.",
        "no_answer": f"{whom} did not answer{waited}.",
        "failed": f"{whom} could not be reached{waited}.",
    }.get(state, f"{whom}: {named(state)}{waited}.")
    tone = "good" if state == "answered" else "bad" if state in _ENDED_DIALS else ""
    return "transfer", said, tone


def _told(kind: str, at_ms: int, sentence: str, tone: str) -> dict[str, Any]:
    return {"kind": kind, "at_ms": at_ms, "text": sentence, "tone": tone}


def _ms(at: float | None, began: float | None) -> int:
    return 0 if at is None or began is None else max(0, round((at - began) * 1000))
