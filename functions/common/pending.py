"""Work that the sweep finishes if the process that started it died, and how two sweeps share it.

A marker below `pending/` is created before the work, and deleted after it. A sweep claims a marker by a swap that moves
its `next_at` into the future: if two sweeps try, one succeeds. If that sweep dies, the marker is due again later. The
wait grows with every attempt, and after a day the sweep gives up.

    pending/calls/{call_sid}/…        a call to fold, close or complete
    pending/webhooks/{digest}.json    an archived webhook to take in or forward
    pending/recordings/{call_sid}/…   a recording whose pieces are to be joined
    pending/conversations/{id}.json   a conversation that only the vendor's list named
    pending/listed.json               how far that list has been read
"""

from collections.abc import Iterator
from dataclasses import dataclass

from common import layout
from common.documents import Document, encode, number
from functions.common.store import Store, Stored, document

LONGEST_S = 86_400
_FIRST_WAIT_S = 120
_LONGEST_WAIT_S = 3600
_BATCH = 100


def mark_call(store: Store, call_sid: str, name: str, now: float, after_s: float, stream_sid: str = "") -> None:
    """Have the sweep look at a call `after_s` from now.

    Create the marker before the work, so that it survives a crash.
    """
    marker = {"at": now, "next_at": now + after_s, "attempts": 0, "stream_sid": stream_sid}
    store.create(layout.pending_call(call_sid, name), encode(marker))


def mark_recording(store: Store, call_sid: str, name: str, now: float, after_s: float) -> None:
    """Have the sweep join the pieces of a call's recording."""
    marker = {"at": now, "next_at": now + after_s, "attempts": 0}
    store.create(layout.pending_recording(call_sid, name), encode(marker))


def mark_conversation(store: Store, conversation_id: str, now: float) -> None:
    """Have the sweep fetch a conversation."""
    store.create(layout.pending_conversation(conversation_id), encode({"at": now, "next_at": now, "attempts": 0}))


@dataclass(frozen=True, slots=True)
class Claim:
    """A marker that this sweep has claimed. `last`: if this attempt fails too, give up."""

    key: str
    marker: Document
    last: bool


def claims(store: Store, prefix: str, now: float) -> Iterator[Claim]:
    """The markers below `prefix` that are due; each is claimed just before it is yielded."""
    for key, stored in _read(store, prefix):
        marker = document(stored)
        if (number(marker, "next_at") or 0) > now:
            continue
        attempts = int(number(marker, "attempts") or 0)
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(attempts, 10))
        claimed = {**marker, "attempts": attempts + 1, "next_at": now + wait}
        if store.swap(key, encode(claimed), stored.version):
            yield Claim(key, claimed, last=now - (number(marker, "at") or 0) > LONGEST_S)


def put_back(store: Store, claim: Claim, now: float) -> None:
    """Return a marker whose work was not attempted: it is due again in the next run, and this attempt doesn't count."""
    stored = store.read(claim.key)
    if stored:
        marker = {**claim.marker, "attempts": claim.marker["attempts"] - 1, "next_at": now}
        store.swap(claim.key, encode(marker), stored.version)


def _read(store: Store, prefix: str) -> Iterator[tuple[str, Stored]]:
    """Reads many markers at once, because most of them are not due."""
    keys = list(store.keys(prefix))
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        for key, stored in zip(batch, store.read_all(batch), strict=True):
            if stored:
                yield key, stored
