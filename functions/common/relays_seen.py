"""What each relay last reported: the version of the agents that it serves, and the one that it refused.

A relay asks twice a minute. Its report is written when it has changed, else every two minutes. A relay that has not
asked for that long and a few more rounds counts as gone. The sweep deletes the reports of such relays.
"""

from dataclasses import dataclass

from common import layout
from common.documents import Document, encode, number, text
from functions.common.store import Store, document

WRITTEN_EVERY_S = 120.0
ROUNDS = 3
FORGOTTEN_S = 86_400.0
MOST_LISTED = 500
_MOST_FORGOTTEN = 100  # per sweep


@dataclass(frozen=True, slots=True)
class Seen:
    """One relay. `problem`: why it refused version `refused`; both empty if it refused none. `at`: Unix seconds."""

    relay: str
    serving: str
    refused: str
    problem: str
    every_s: float
    at: float

    def is_there(self, now: float) -> bool:
        """Whether it may still take calls."""
        return now - self.at < WRITTEN_EVERY_S + ROUNDS * self.every_s


def note(store: Store, seen: Seen) -> None:
    """Store a relay's report."""
    key = layout.relay_seen(seen.relay)
    body = encode({name: getattr(seen, name) for name in Seen.__slots__})
    present = store.read(key)
    if present is None:
        store.create(key, body)
        return
    before = _seen(document(present))
    if (before.serving, before.refused, before.every_s) != (seen.serving, seen.refused, seen.every_s) or (
        seen.at - before.at >= WRITTEN_EVERY_S
    ):
        store.swap(key, body, present.version)  # another report of this relay was faster; the next one follows soon


def relays(store: Store, now: float) -> list[Seen]:
    """Relays that are there, by name."""
    keys = [key for key, _ in zip(store.keys(layout.relays_seen()), range(MOST_LISTED), strict=False)]
    found = [_seen(document(one)) for one in store.read_all(keys)]
    return [one for one in found if one.relay and one.is_there(now)]


def forget_gone(store: Store, now: float) -> None:
    """Delete the reports of relays that have been gone for a day."""
    gone = [one.key for one in store.versions(layout.relays_seen()) if now - one.written_at > FORGOTTEN_S]
    for key in gone[:_MOST_FORGOTTEN]:
        store.delete(key)


def _seen(document: Document) -> Seen:
    relay, serving, refused, problem = (text(document, name) for name in ("relay", "serving", "refused", "problem"))
    return Seen(relay, serving, refused, problem, number(document, "every_s") or 0.0, number(document, "at") or 0.0)
