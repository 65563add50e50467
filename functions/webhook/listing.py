"""Reads the vendor's list of conversations once an hour, for calls that neither relay nor webhook reported.

Each conversation that is not known yet gets a marker of its own, so that one that can't be fetched does not block the
list. The position in the list is stored: a run that is out of time continues at the next page in the next run. After an
unusable answer the same window is read again an hour later.
"""

from collections.abc import Callable, Container
from functools import partial

from common import layout
from common.documents import Document, decode, encode, number, text
from functions.common.pending import mark_conversation
from functions.common.pieces import linked_call
from functions.common.store import Store
from functions.webhook.api import ApiError, ConversationsApi, Page
from functions.webhook.vendor import Vendor

_STATE = "pending/listed.json"
_EVERY_S = 3600
_BACK_S = 86_400
_OVERLAP_S = 7200  # the list is ordered by start, and a conversation may still have been running at the last look


def look_through(store: Store, vendor: Vendor, newest: float, now: float, time_is_up: Callable[[], bool]) -> None:
    """If an hour has passed, create markers for unknown conversations that began up to `newest` (Unix seconds)."""
    store.create(_STATE, encode({}))  # due now, and nothing looked through yet
    stored = store.read(_STATE)
    if stored is None:
        return
    state = decode(stored.body)
    if (number(state, "next_at") or 0) > now:
        return
    until = number(state, "until") or now - _BACK_S
    cursor = text(state, "cursor") or None
    if cursor:
        newest = number(state, "newest") or newest
    state = {"next_at": now + _EVERY_S, "until": until}
    if not store.swap(_STATE, encode(state), stored.version):
        return  # another sweep is doing it
    seen: set[str | None] = set()
    while True:
        seen.add(cursor)
        _, page = vendor.attempt(partial(_page_after, seen, until - _OVERLAP_S, newest, cursor))
        if page is None:
            return
        for conversation_id in page.conversation_ids:
            if not is_known(conversation_id, store) and not _in_hand(conversation_id, store):
                mark_conversation(store, conversation_id, now)
        cursor = page.cursor
        if cursor is None:
            _keep(store, {**state, "until": newest})
            return
        if time_is_up():
            _keep(store, {"next_at": now, "until": until, "newest": newest, "cursor": cursor})
            return


def _page_after(
    seen: Container[str | None], after: float, before: float, cursor: str | None, api: ConversationsApi
) -> Page:
    page = api.listed(after, before, cursor)
    if page.cursor and page.cursor in seen:
        raise ApiError("the list of conversations repeats a page")
    return page


def is_known(conversation_id: str, store: Store) -> bool:
    """Whether the vendor's account of a conversation is there."""
    return any(key.endswith(".json") for key in store.keys(layout.conversation(conversation_id)))


def _in_hand(conversation_id: str, store: Store) -> bool:
    """Whether its call waits for the sweep anyway."""
    call_sid = linked_call(conversation_id, store)
    return bool(call_sid) and any(True for _ in store.keys(layout.pending_streams(call_sid)))


def _keep(store: Store, state: Document) -> None:
    stored = store.read(_STATE)
    if stored:
        store.swap(_STATE, encode(state), stored.version)
