"""The running calls, from their relays' last reports in the store (docs/live.md)."""

from dataclasses import dataclass, field
from typing import Any, Final

from common import layout
from common.documents import Document, mapping, number, objects, readable, text
from common.live import so_far
from common.times import to_unix
from functions.common.store import Store, document

SILENT_S: Final = 90.0  # seconds of silence after which a relay that reports progress may be dead
_WAITING: Final = frozenset({"requested", "fetched", "ringing"})


@dataclass(slots=True)
class Running:
    """Reads only what has changed since the last time. One thread at a time."""

    store: Store
    _known: dict[str, tuple[str, Document]] = field(default_factory=dict)

    def calls(self, now: float) -> list[dict[str, Any]]:
        """Callers waiting for a human first, the longest first; then the others, the longest first.

        Raises StoreError.
        """
        self._look()
        rows = [row for _, live in self._known.values() if (row := self._row(live, now))]
        return sorted(rows, key=lambda row: (0, row["waiting"]["since"]) if row["waiting"] else (1, row["started"]))

    def call(self, call_sid: str, stream_sid: str, now: float) -> dict[str, Any] | None:
        """One call with all that is known of it; None if it is over. Raises StoreError."""
        stored = self.store.read(layout.live(call_sid, stream_sid))
        live = so_far(stored.body) if stored else {}
        row = self._row(live, now) if live else None
        if row is None:
            return None
        hand = document(self.store.read(layout.hand(call_sid, stream_sid)))
        return {
            **row,
            "words": [{**turn, "at": to_unix(text(turn, "at"))} for turn in objects(live, "turns")],
            "tools": objects(live, "tools"),
            "agents": objects(live, "agents"),
            "state": mapping(live, "state"),
            "commands": _commands(live, hand, now),
        }

    def _look(self) -> None:
        there = {key: version for key, version, _ in self.store.versions(layout.LIVE)}
        self._known = {key: found for key, found in self._known.items() if there.get(key) == found[0]}
        changed = [key for key in there if key not in self._known]
        for key, stored in zip(changed, self.store.read_all(changed), strict=True):
            if stored and (live := so_far(stored.body)):
                self._known[key] = there[key], live

    def _row(self, live: Document, now: float) -> dict[str, Any] | None:
        waiting = self._waiting(live)
        if live.get("over") and not waiting:
            return None
        words = objects(live, "turns")
        heard_at = to_unix(text(live, "at")) or 0.0
        tells = bool(number(live, "number"))
        return {
            **{name: text(live, name) for name in ("call_sid", "stream_sid", "from", "to", "over")},
            "agent": text(live, "agent", "alias") or text(live, "agent", "id"),
            "vendor": text(live, "agent", "vendor"),
            "relay": text(live, "state", "relay"),
            "started": to_unix(text(live, "started_at")) or heard_at,
            "heard": heard_at,
            "tells": tells,
            "silent": tells and not live.get("over") and now - heard_at > SILENT_S,
            "last": {name: text(words[-1], name) for name in ("speaker", "text")} if words else None,
            "answer_ms": number(live, "state", "answer_ms", "p50"),
            "waiting": waiting,
        }

    def _waiting(self, live: Document) -> dict[str, Any] | None:
        """Since when the caller has waited for a human: from the arrangement on, and after the line was handed over."""
        if live.get("over"):
            record = document(self.store.read(layout.record(text(live, "call_sid"))))
            state = text(record, "transfer", "state")
            target, since = text(record, "transfer", "target"), to_unix(text(live, "at"))
            return {"since": since, "target": target, "state": state} if state in _WAITING else None
        arranged_at = to_unix(text(live, "state", "transfer", "arranged_at"))
        target = text(live, "state", "transfer", "target")
        return {"since": arranged_at, "target": target, "state": "requested"} if arranged_at else None


def _commands(live: Document, hand: Document, now: float) -> list[Document]:
    """Commands with an outcome, then waiting and expired ones."""
    done = objects(live, "commands")
    known = {text(one, "id") for one in done}
    open_ones = [
        {
            **{name: text(one, name) for name in ("id", "do", "by")},
            "outcome": "waiting" if (number(one, "expires_at") or 0.0) > now else "too late",
            "detail": "",
            "about": _about(mapping(one, "what")),
        }
        for one in objects(hand, "commands")
        if text(one, "id") not in known
    ]
    told = ("id", "do", "by", "outcome", "detail")
    return [{**{name: text(one, name) for name in told}, "about": _about(_arguments(one))} for one in done] + open_ones


def _arguments(done: Document) -> Document:
    """As the relay stored them: JSON text, cut if it is very long."""
    return readable(text(done, "arguments").encode())


def _about(what: Document) -> str:
    """The words that identify a command among others of its kind."""
    found = (text(what, name) for name in ("text", "target", "agent", "announcement", "reason"))
    return next(filter(None, found), "")[:200]
