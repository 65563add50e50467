"""The words of a call, from two sources.

The relay heard the call live: it knows to the millisecond when a turn was spoken and how much of it the caller heard.
The vendor's transcript comes later and has the better text. If there are both, the vendor's turns are used, with the
relay's times for turns that match.
"""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from common.documents import Document, number, text
from common.text import spelling
from common.times import moment, rfc3339, to_unix

_KEY_LENGTH = 24  # enough to tell turns apart, short enough to survive a cut-off end


def merged(vendor: list[Document], live: list[Document], vendor_start: float) -> list[Document]:
    """The turns of one conversation. `vendor_start`: Unix seconds that the vendor's `offset_ms` count from."""
    twins = dict(_pairs(vendor, live))
    turns = []
    for position, turn in enumerate(vendor):
        twin = twins.get(position)
        said_at = moment(vendor_start + (number(turn, "offset_ms") or 0) / 1000)
        at = to_unix(text(twin, "at")) or said_at or vendor_start
        turns.append(
            {
                "speaker": turn["speaker"],
                "text": turn["text"],
                "at": rfc3339(at),
                "interrupted": bool(turn.get("interrupted")) or bool(twin and twin.get("interrupted")),
                "heard_ms": number(twin, "heard_ms"),
            }
        )
    return turns


def with_offsets(turns: Iterable[Document], started_at: float | None) -> list[Document]:
    """The turns as the record has them, each with its distance from the start of the call."""
    finished = []
    for turn in turns:
        at = to_unix(text(turn, "at"))
        offset = number(turn, "offset_ms") if at is None or started_at is None else (at - started_at) * 1000
        heard = number(turn, "heard_ms")
        finished.append(
            {
                "speaker": text(turn, "speaker"),
                "text": text(turn, "text"),
                "at": text(turn, "at") or None,
                "offset_ms": None if offset is None else round(offset),
                "interrupted": bool(turn.get("interrupted")),
                "heard_ms": None if heard is None else round(heard),
            }
        )
    return finished


def _pairs(vendor: list[Document], live: list[Document]) -> Iterator[tuple[int, Document]]:
    """(position in `vendor`, the matching live turn)."""
    matcher = SequenceMatcher(a=[_key(turn) for turn in vendor], b=[_key(turn) for turn in live], autojunk=False)
    for kind, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        same_length = a_to - a_from == b_to - b_from
        if kind == "equal" or (kind == "replace" and same_length):
            for a, b in zip(range(a_from, a_to), range(b_from, b_to), strict=True):
                if text(vendor[a], "speaker") == text(live[b], "speaker"):
                    yield a, live[b]


def _key(turn: Document) -> tuple[str, str]:
    return text(turn, "speaker"), spelling(text(turn, "text"))[:_KEY_LENGTH]
