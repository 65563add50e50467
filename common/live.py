"""The state of a running call, merged from its `call.progress` events, and what people want done to it.

Two documents per stream, below `pending/`; deleted when the call is over (docs/live.md):

    pending/live/{call_sid}/{stream_sid}.json    the call so far; written by the receiver of the events. A relay without
                                                 functions appends each event in a line of its own
    pending/hands/{call_sid}/{stream_sid}.json   who watches it, and commands; written by the console

Pure functions: documents in, documents out.
"""

from collections.abc import Iterator
from typing import Any, Final

from common.documents import Document, mapping, number, objects, readable, text

MOST_TURNS: Final = 10_000  # of one stream; no call reaches this
_NEXT: Final = b"\n{"  # not in a document, of which no line but the first begins with a brace
_LISTS: Final = ("turns", "tools", "commands")
_ENVELOPE: Final = ("call_sid", "stream_sid", "at", "started_at", "from", "to", "agent", "conversation_id", "agents")


def begun(event: Document) -> Document:
    """The state after a `call.started`. Number 0: no progress has arrived yet."""
    lists: Document = {name: [] for name in _LISTS}
    state = {"relay": event.get("relay")}
    return {"number": 0, **_said(event), "state": state, **lists}


def merged(known: Document | None, event: Document) -> Document | None:
    """`known` updated by `event`, a `call.progress`; `known` itself if it has all of it already.

    None if the event builds on one that is not in `known`: the relay must then send everything again.
    """
    before, latest, after = _count(known, "number"), _count(event, "number"), _count(event, "after")
    if after > before:
        return None
    if known is not None and latest <= before:
        return known
    lists: Document = {name: _together(objects(known, name), objects(event, name)) for name in _LISTS}
    return {"number": latest, **_said(event), "state": mapping(event, "state"), **lists}


def told(event: Document) -> Document:
    """What `merged` needs of a `call.progress`."""
    lists: Document = {name: event[name] for name in _LISTS}
    return {"number": event["number"], "after": event["after"], **_said(event), "state": event["state"], **lists}


def so_far(body: bytes) -> Document:
    """The call so far, from the content of its document: with the events in further lines, if there are any.

    Empty for what can't be read. A line that is not whole is left out: it is being written, or its relay died.
    """
    if _NEXT not in body:
        return readable(body)
    known, *events = map(readable, body.split(b"\n"))
    for event in events:
        known = merged(known, event) or known
    return known


def orders(hand: Document, live: Document, now: float) -> Document:
    """The part of `hand` for the answer to a progress: whether somebody watches, and commands without an outcome.

    Includes expired commands, with no time left: the relay notes them in the record.
    """
    told = {text(one, "id") for one in objects(live, "commands")}
    waiting = [one for one in objects(hand, "commands") if text(one, "id") not in told]
    commands = [
        {
            **{name: text(one, name) for name in ("id", "do", "by")},
            "left_s": round((number(one, "expires_at") or 0.0) - now, 1),
            "what": mapping(one, "what"),
        }
        for one in waiting
    ]
    watched = (number(hand, "watched_until") or 0.0) > now
    return {**({"watched": True} if watched else {}), **({"commands": commands} if commands else {})}


def _count(document: Document | None, name: str) -> int:
    return max(0, int(number(document, name) or 0))


def _said(event: Document) -> Document:
    return {name: event[name] for name in _ENVELOPE if name in event}


def _together(known: list[Document], news: list[Document]) -> list[Document]:
    """A later text at the same place replaces the earlier one."""
    by_place: dict[int, Document] = {}
    for one in (*known, *news):
        place: Any = one.get("index")
        if isinstance(place, int) and 0 <= place < MOST_TURNS:
            by_place[place] = one
    return [by_place[place] for place in sorted(by_place)]


def without_places(items: list[Document]) -> Iterator[Document]:
    """In the format of `call.ended`."""
    for one in items:
        yield {name: value for name, value in one.items() if name != "index"}
