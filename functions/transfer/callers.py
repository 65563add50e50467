"""Finds a call by its caller's number: the last resort, if Exotel gives no CallSid or one that was never reported.

Two calls from one number must never be confused, so if more than one could be meant, none is used.
"""

from collections.abc import Iterator

from common import layout
from common.documents import Document, decode, encode, text
from common.times import to_unix
from functions.common.pieces import gather, linked_call
from functions.common.store import Store
from functions.common.streams import main_stream

_DAY_S = 86_400
_JUST_ENDED_S = 300
_CLOCKS_DIFFER_S = 60


def call_of(number: str, began_at: float, store: Store, now: float) -> str:
    """The CallSid of the only call of `number` that may be waiting for a human now; empty if there is none, or several.

    `began_at`: Unix seconds, from Exotel; a call that began before is an earlier call of a caller who redialled.
    """
    found = {
        call_sid
        for entry in _entries(number, store, now)
        if layout.is_id(call_sid := text(entry, "call_sid")) and _may_wait(call_sid, began_at, store, now)
    }
    return found.pop() if len(found) == 1 else ""


def adopt(call_sid: str, number: str, began_at: float, store: Store, now: float) -> bool:
    """Give `call_sid`, which nobody has reported, the one conversation of `number` that belongs to no call yet.

    The conversation must have begun within the call (`began_at`, Unix seconds, from Exotel) and ended just now. If two
    calls compete for it, the first to create the link gets it; the other gets nothing.
    """
    fitting = [
        conversation_id
        for entry in _entries(number, store, now)
        if layout.is_id(conversation_id := text(entry, "conversation_id"))
        and _fits(entry, began_at, now)
        and linked_call(conversation_id, store) in {"", call_sid}
    ]
    if len(fitting) != 1:
        return False
    if not store.create(layout.conversation_call(fitting[0]), call_sid.encode()) and (
        linked_call(fitting[0], store) != call_sid
    ):
        return False
    store.create(layout.piece(call_sid, "conversations", fitting[0]), encode({"conversation_id": fitting[0]}))
    return True


def _may_wait(call_sid: str, began_at: float, store: Store, now: float) -> bool:
    stream = main_stream(gather(store, call_sid))
    if stream is None or stream.end_reason == "caller_hung_up" or stream.started_at < began_at - _CLOCKS_DIFFER_S:
        return False
    ended_at = to_unix(text(stream.ended, "ended_at") or text(stream.ended, "at")) if stream.ended else None
    return ended_at is None or ended_at > now - _JUST_ENDED_S


def _fits(entry: Document, began_at: float, now: float) -> bool:
    started_at, ended_at = to_unix(text(entry, "started_at")), to_unix(text(entry, "ended_at"))
    if started_at is None or ended_at is None or ended_at < now - _JUST_ENDED_S:
        return False
    return started_at > began_at - _CLOCKS_DIFFER_S


def _entries(number: str, store: Store, now: float) -> Iterator[Document]:
    for day in (now, now - _DAY_S):
        for key in store.keys(layout.caller(number, day)):
            if stored := store.read(key):
                yield decode(stored.body)
