"""Calls while they go on (docs/live.md): a `call.progress` becomes the call so far, and its answer brings commands.

Progress is no piece of the record: a call of five minutes has thirty of them. They are folded into one document below
`pending/`, which is what the sweep has when the relay dies, and goes when `call.ended` has come.
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
LONGEST_WAIT_S = 3600.0  # for a human, as far as anybody can tell: Exotel may not report who answered
_NOBODY_WAITS = frozenset({"caller_hung_up", "replaced"})
_ROUNDS = 5
_FRESH_S = 5.0  # a document that says nothing new is written so often: its time tells that the relay is alive


def take_progress(event: Document, store: Store, settings: Settings, now: float) -> Document:
    """What its answer says. Raises StoreError, and then the next progress carries all of it again."""
    call_sid, stream_sid = text(event, "call_sid"), text(event, "stream_sid")
    key = layout.live(call_sid, stream_sid)
    for _ in range(_ROUNDS):
        stored = store.read(key)
        known = document(stored) if stored else None
        live = merged(known, event)
        if live is None:
            return {"progress": 0}
        if live is not known:  # all of it: what a turn's digits are, an earlier one may say
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
        raise StoreError(f"{key} is written by too many at once")
    hand = document(store.read(layout.hand(call_sid, stream_sid)))
    return {"progress": live["number"], **orders(hand, live, now)}


def follow(event: Document, record: Document | None, store: Store) -> None:
    """What the other events change: a call that begins can be seen, one that is over is not there any more.

    One whose caller waits for a human stays: the record tells when that is over.
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
    """The stream is over, and told of."""
    store.delete(layout.live(call_sid, stream_sid))
    store.delete(layout.hand(call_sid, stream_sid))


def tidy(call_sid: str, stream_sid: str, store: Store) -> None:
    """The stream has been over for a while; one whose caller waits is left to whoever looks at those."""
    stored = store.read(layout.live(call_sid, stream_sid))
    if stored and not document(stored).get("over"):
        forget(call_sid, stream_sid, store)


def last_heard_at(live: Document) -> float | None:
    """Unix seconds of the last sign of a relay that tells of its calls; None for one that does not, or a call over."""
    return None if live.get("over") or not number(live, "number") else to_unix(text(live, "at"))


def _is_over(call_sid: str, stream_sid: str, store: Store) -> bool:
    """A progress can come after the end: it was on its way."""
    streams = streams_of(gather(store, call_sid))
    return any(stream.stream_sid == stream_sid and stream.ended for stream in streams)


def _says_nothing_new(known: Document, live: Document) -> bool:
    """Somebody who watches has a relay tell once a second, whether there is news or not."""
    if known is live:
        return True
    passing = {"number": 0, "at": ""}
    told_at, tells_at = to_unix(text(known, "at")) or 0.0, to_unix(text(live, "at")) or 0.0
    return tells_at - told_at < _FRESH_S and {**known, **passing} == {**live, **passing}
