"""Running calls (docs/live.md): a `call.progress` updates the call so far, and its answer carries commands.

Progress is not a piece of the record: a call of five minutes sends thirty. They are merged into one document below
`pending/`. The sweep uses it if the relay dies; it is deleted after `call.ended`.
"""

from common import layout
from common.documents import Document, encode, number, text
from common.live import begun, merged, orders
from common.times import to_unix
from functions.common.pending import mark_call
from functions.common.pieces import gather, mentioned
from functions.common.redaction import redacted_event
from functions.common.store import Store, StoreError, document
from functions.common.streams import streams_of
from functions.webhook.settings import Settings

PROGRESS = "call.progress"
WAITING = frozenset({"requested", "fetched", "ringing"})
"""States of a transfer in which the caller waits for a human."""
LONGEST_WAIT_S = 3600.0  # long enough for any wait for a human; Exotel may not report that somebody answered
_NOBODY_WAITS = frozenset({"caller_hung_up", "replaced"})
_ROUNDS = 5
_FRESH_S = 5.0  # an unchanged document is rewritten this often: its time shows that the relay is alive


def take_progress(event: Document, store: Store, settings: Settings, now: float) -> Document:
    """The answer to a progress. Raises StoreError; the next progress then repeats all of it."""
    call_sid, stream_sid = text(event, "call_sid"), text(event, "stream_sid")
    key = layout.live(call_sid, stream_sid)
    for _ in range(_ROUNDS):
        stored = store.read(key)
        known = document(stored) if stored else None
        live = merged(known, event)
        if live is None:
            return {"progress": 0}
        if live is not known:  # the whole call: an earlier turn may say what a later turn's digits are
            live = redacted_event(live, settings.redact)
        if stored is None:
            if _is_over(call_sid, stream_sid, store):
                return {"progress": live["number"]}
            mark_call(store, call_sid, f"stream-{stream_sid}", now, settings.sweep_after_s, stream_sid)
        for conversation_id in set(mentioned(event)) - set(mentioned(known or {})):
            store.create(layout.conversation_call(conversation_id), call_sid.encode())
        if known is not None and _says_nothing_new(known, live):
            break
        body = encode(live)
        if store.swap(key, body, stored.version) if stored else store.create(key, body):
            break
    else:
        raise StoreError(f"{key} has too many concurrent writers")
    hand = document(store.read(layout.hand(call_sid, stream_sid)))
    return {"progress": live["number"], **orders(hand, live, now)}


def follow(event: Document, record: Document | None, store: Store) -> None:
    """Apply the other events: a call that begins appears, one that is over disappears.

    One whose caller waits for a human stays; the record tells when that is over.
    """
    call_sid, stream_sid = text(event, "call_sid"), text(event, "stream_sid")
    key = layout.live(call_sid, stream_sid)
    if event["type"] == "call.started" and record and not record.get("end_reason"):
        store.create(key, encode(begun(event)))
    elif event["type"] == "call.ended":
        stored = store.read(key)
        waits = text(event, "end_reason") not in _NOBODY_WAITS and text(record, "transfer", "state") in WAITING
        if stored and waits:
            over = {**document(stored), "over": text(event, "end_reason"), "at": event["at"]}
            if store.swap(key, encode(over), stored.version):
                return
        forget(call_sid, stream_sid, store)


def forget(call_sid: str, stream_sid: str, store: Store) -> None:
    """The stream is over, and reported."""
    store.delete(layout.live(call_sid, stream_sid))
    store.delete(layout.hand(call_sid, stream_sid))


def tidy(call_sid: str, stream_sid: str, store: Store) -> None:
    """The stream has been over for a while. If its caller waits, it is left to the sweep of running calls."""
    stored = store.read(layout.live(call_sid, stream_sid))
    if stored and not document(stored).get("over"):
        forget(call_sid, stream_sid, store)


def last_heard_at(live: Document) -> float | None:
    """Unix seconds of the relay's last report; None if it reports no progress, or the call is over."""
    return None if live.get("over") or not number(live, "number") else to_unix(text(live, "at"))


def _is_over(call_sid: str, stream_sid: str, store: Store) -> bool:
    """A progress can arrive after the end."""
    streams = streams_of(gather(store, call_sid))
    return any(stream.stream_sid == stream_sid and stream.ended for stream in streams)


def _says_nothing_new(known: Document, live: Document) -> bool:
    """While somebody watches, the relay reports once a second, with or without news."""
    if known is live:
        return True
    passing = {"number": 0, "at": ""}
    told_at, tells_at = to_unix(text(known, "at")) or 0.0, to_unix(text(live, "at")) or 0.0
    return tells_at - told_at < _FRESH_S and {**known, **passing} == {**live, **passing}
