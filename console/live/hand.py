"""What somebody wants done to a running call, written where its relay will be given it (docs/live.md).

One document a stream, `pending/hands/…`: nothing else in the store is written by this command.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from common import layout
from common.documents import Document, encode, number, objects
from common.times import rfc3339
from functions.common.store import Store, StoreError, document
from relay.control.actions import BY_NAME

VALID_S: Final = 30.0  # a command that has not reached its relay by then is not carried out
WATCH_S: Final = 15.0
RENEWED_S: Final = 8.0  # before the mark expires
MOST: Final = 20  # waiting commands at once
_ROUNDS: Final = 5


def watch(store: Store, call_sid: str, stream_sid: str, now: float) -> None:
    """Have the relay report every second for a while. Raises StoreError."""

    def marked(hand: Document) -> Document | None:
        until = number(hand, "watched_until") or 0.0
        return None if until > now + RENEWED_S else {**hand, "watched_until": now + WATCH_S}

    _change(store, layout.hand(call_sid, stream_sid), marked)


def command(
    store: Store, call_sid: str, stream_sid: str, do: object, what: object, *, by: str, now: float
) -> Mapping[str, Any]:
    """Request `do` for a call, and return the command. Raises ValueError if no relay could do it, or StoreError."""
    action = BY_NAME.get(do) if isinstance(do, str) else None
    if action is None or not isinstance(what, dict):
        raise ValueError(f"Expected one of {', '.join(BY_NAME)}, and what it is about.")
    action.parse(what, by)
    wanted = {
        "id": secrets.token_hex(8),
        "do": action.name,
        "by": by,
        "at": rfc3339(now),
        "expires_at": now + VALID_S,
        "what": what,
    }

    def added(hand: Document) -> Document:
        waiting = [one for one in objects(hand, "commands") if (number(one, "expires_at") or 0.0) > now - 2 * VALID_S]
        if len(waiting) >= MOST:
            raise ValueError(f"{MOST} commands are already waiting for this call.")
        return {**hand, "commands": [*waiting, wanted]}

    _change(store, layout.hand(call_sid, stream_sid), added)
    return wanted


def _change(store: Store, key: str, changed: Callable[[Document], Document | None]) -> None:
    """Two people may have the same call open: the slower one reads again."""
    for _ in range(_ROUNDS):
        stored = store.read(key)
        hand = changed(document(stored))
        if hand is None:
            return
        body = encode(hand)
        if store.swap(key, body, stored.version) if stored else store.create(key, body):
            return
    raise StoreError(f"{key} has too many concurrent writers")
