"""Checks the bucket: is it reachable with your credentials, and does it keep its conditions, which are the only
locking?
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TypeVar
from uuid import uuid4

from console.checks.finding import Finding, Verdict
from console.checks.stages import NO_STORE, skipped
from console.checks.subject import Subject
from functions.common.store import Store, StoreError, open_store

CHECKS = ("store.reachable", "store.create", "store.swap", "store.speed", "store.layout")
FOLDERS = ("logs/", "calls/", "conversations/", "callers/", "inbox/", "pending/", "audio/", "config/")
_OF_THIS_MACHINE = "secrets.json"  # `make run` stores its tokens beside its store
RECORD_SCHEMA = 1
SLOW_S = 0.3
_RACERS = 6
_LOOKED_AT = 500
_UNTRUE = (
    "Two functions could both answer for one call. Use S3 or Cloud Storage themselves, or a store that keeps the "
    "conditions If-None-Match and If-Match (ifGenerationMatch)."
)

T = TypeVar("T")


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """See CHECKS. Writes one object below `doctor/` and deletes it again."""
    url = subject.environ.get("STORE", "").strip()
    if not url:
        async for finding in skipped(CHECKS, NO_STORE):
            yield finding
        return
    findings = look(url)
    while found := await asyncio.to_thread(lambda: list(islice(findings, 1))):
        yield found[0]


def look(url: str) -> Iterator[Finding]:
    """The checks, blocking; the first failure is the last."""
    left = list(CHECKS)
    try:
        for finding in _Probe(open_store(url)).findings():
            left.remove(finding.check)
            yield finding
            if finding.verdict is Verdict.FAIL:
                break
    except (ValueError, StoreError) as error:
        check = left.pop(0)
        found = str(error) if isinstance(error, StoreError) else f"STORE is not {error}"
        yield Finding(check, Verdict.FAIL, found, "Correct STORE, or the permissions of the credentials you are using.")
    for check in left:
        yield Finding(check, Verdict.SKIPPED, f"can't be checked before {CHECKS[CHECKS.index(left[0]) - 1]} is fixed")


class _Probe:
    """One object for testing, and the time each operation took."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = f"doctor/{uuid4().hex}.json"
        self._took_s: list[float] = []

    def findings(self) -> Iterator[Finding]:
        """Raises StoreError if the store can't be used."""
        yield self._reachable()
        try:
            yield self._create()
            yield self._swap()
            yield self._speed()
        finally:
            with suppress(StoreError):  # without permission to delete it stays: it is small and harmless
                self._store.delete(self._key)
        yield self._layout()

    def _reachable(self) -> Finding:
        self._timed(lambda: self._store.read(self._key))
        return Finding("store.reachable", Verdict.PASS, "the store can be read with these credentials")

    def _create(self) -> Finding:
        winners = self._race(lambda number: self._store.create(self._key, _body(number)))
        again = self._timed(lambda: self._store.create(self._key, _body(_RACERS)))
        if winners > 1 or again:
            found = (
                f"{winners} of {_RACERS} writers at once created the same key"
                if winners > 1
                else "a key was created twice"
            )
            return Finding("store.create", Verdict.FAIL, found, _UNTRUE)
        return Finding("store.create", Verdict.PASS, f"of {_RACERS} writers at once, one created the key")

    def _swap(self) -> Finding:
        first = self._timed(lambda: self._store.read(self._key))
        if first is None:
            advice = "Is it a cache, or replicated? The product needs to read what it has just written."
            return Finding("store.swap", Verdict.FAIL, "what was written can't be read a moment later", advice)
        winners = self._race(lambda number: self._store.swap(self._key, _body(-number - 1), first.version))
        late = self._timed(lambda: self._store.swap(self._key, _body(0), first.version))
        if winners > 1 or late:
            found = "an object that had changed was replaced all the same"
            return Finding("store.swap", Verdict.FAIL, found, _UNTRUE)
        return Finding("store.swap", Verdict.PASS, f"of {_RACERS} writers at once, one replaced the object")

    def _speed(self) -> Finding:
        median_s = statistics.median(self._took_s)
        found = f"an operation takes {median_s * 1000:.0f} ms (median of {len(self._took_s)}, from this machine)"
        if median_s <= SLOW_S:
            return Finding("store.speed", Verdict.PASS, found)
        advice = (
            "The Connect answer takes a few of them while the caller waits: keep functions and bucket in one region."
        )
        return Finding("store.speed", Verdict.WARN, found, advice)

    def _layout(self) -> Finding:
        keys = [key for key in islice(self._store.keys(""), _LOOKED_AT) if key != _OF_THIS_MACHINE]
        known = [key for key in keys if key.startswith(FOLDERS)]
        if keys and not known:
            found = f"the store holds {keys[0].partition('/')[0]!r} and nothing of the bridge"
            return Finding("store.layout", Verdict.WARN, found, "Is the prefix in STORE the one the functions have?")
        record = next(self._store.keys("logs/"), None)
        if record is None:
            return Finding("store.layout", Verdict.PASS, "the store holds no record yet")
        schema = _schema(self._store, record)
        if schema == RECORD_SCHEMA:
            return Finding("store.layout", Verdict.PASS, "the store holds records of this version")
        found = f"{record} has schema {schema}, expected {RECORD_SCHEMA}"
        return Finding("store.layout", Verdict.WARN, found, "Bring this console and the functions to the same version.")

    def _race(self, write: Callable[[int], bool]) -> int:
        """How many of several concurrent writers were told that they had written."""
        with ThreadPoolExecutor(_RACERS) as pool:
            return sum(pool.map(write, range(_RACERS)))

    def _timed(self, operation: Callable[[], T]) -> T:
        began = time.monotonic()
        result = operation()
        self._took_s.append(time.monotonic() - began)
        return result


def _body(number: int) -> bytes:
    """Different for every writer: an object's version may be the hash of its content."""
    return json.dumps({"written_by": "console doctor", "number": number}).encode()


def _schema(store: Store, record: str) -> object:
    stored = store.read(record)
    try:
        return json.loads(stored.body)["schema"] if stored else RECORD_SCHEMA  # deleted in the meantime: no finding
    except (ValueError, KeyError, TypeError):
        return "unreadable"
