"""Deletes what has been kept long enough, for a store without lifecycle rules, such as a folder.

On S3 and Cloud Storage lifecycle rules do this (infra/terraform), and the settings stay 0. This runs once an hour over
a limited number of keys; the position is stored, so that several runs work through a large store.
"""

from collections.abc import Callable, Iterator
from typing import Final

from common.documents import decode, encode, number
from functions.common import log
from functions.common.store import History, Store
from functions.webhook.settings import Settings

_STATE: Final = "pending/retention.json"
_EVERY_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_MOST: Final = 2000
_LOOK_UP: Final = 100
"""Keys between two looks at the clock."""
RECORDS: Final = ("callers/", "calls/", "conversations/", "logs/")
SOUND: Final = ("audio/", "recordings/")
RAW: Final = ("inbox/",)


def expire(store: Store, settings: Settings, now: float, time_is_up: Callable[[], bool]) -> int:
    """Returns how many keys were deleted. Raises StoreError."""
    if not any(days for _, days in _kept(settings)):
        return 0
    store.create(_STATE, encode({"next_at": 0}))
    stored = store.read(_STATE)
    if stored is None or (number(decode(stored.body), "next_at") or 0) > now:
        return 0
    if not store.swap(_STATE, encode({"next_at": now + _EVERY_S}), stored.version):
        return 0  # another sweep is at it
    gone, done = 0, True
    for key in _overdue(store, settings, now):
        if gone >= _MOST or (gone % _LOOK_UP == 0 and time_is_up()):
            done = False
            break
        _remove(key, store)
        gone += 1
    if not done and (stored := store.read(_STATE)):
        store.swap(_STATE, encode({"next_at": now}), stored.version)  # the next run continues from here
    if gone:
        log.info("retention_done", f"{gone} keys were kept for long enough", keys=gone)
    return gone


def _kept(settings: Settings) -> Iterator[tuple[str, float]]:
    """(prefix, days); 0 days: for ever."""
    for prefix in RECORDS:
        yield prefix, settings.records_days
    for prefix in SOUND:
        yield prefix, settings.audio_days or settings.records_days
    for prefix in RAW:
        yield prefix, settings.inbox_days or settings.records_days


def _overdue(store: Store, settings: Settings, now: float) -> Iterator[str]:
    for prefix, days in _kept(settings):
        if days:
            yield from (found.key for found in store.versions(prefix) if found.written_at < now - days * _DAY_S)


def _remove(key: str, store: Store) -> None:
    """With all versions, if the store has them: they would keep the content."""
    if isinstance(store, History):
        store.purge(key)
    else:
        store.delete(key)
