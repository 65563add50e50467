"""A store that fails as buckets fail: for a while, for a reason, then no more."""

import threading
from collections.abc import Iterable, Iterator, Sequence

from functions.common.store import Listed, Store, Stored, StoreError


class FaultyStore:
    """Hands everything on to `store` except what the counters say; each failure uses one of them up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.conflicts = 0
        """So many swaps are lost to somebody else."""
        self.throttled = 0
        """So many operations are refused: slow down."""
        self.missing = 0
        """So many reads find nothing, although it is there."""
        self.full = False
        """Nothing can be written."""

    def create(self, key: str, body: bytes) -> bool:
        self._check(writes=True)
        return self._store.create(key, body)

    def read(self, key: str) -> Stored | None:
        self._check()
        return None if self._takes("missing") else self._store.read(key)

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        self._check(writes=True)
        return self._store.create_large(key, parts)

    def read_large(self, key: str) -> Iterator[bytes] | None:
        self._check()
        return self._store.read_large(key)

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        self._check()
        return self._store.read_all(keys)

    def swap(self, key: str, body: bytes, version: str) -> bool:
        self._check(writes=True)
        return False if self._takes("conflicts") else self._store.swap(key, body, version)

    def delete(self, key: str) -> None:
        self._check(writes=True)
        self._store.delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        self._check()
        return self._store.keys(prefix)

    def versions(self, prefix: str) -> Iterator[Listed]:
        self._check()
        return self._store.versions(prefix)

    def _check(self, *, writes: bool = False) -> None:
        if self._takes("throttled"):
            raise StoreError("the bucket says: slow down")
        if writes and self.full:
            raise StoreError("the folder is full")

    def _takes(self, counter: str) -> bool:
        with self._lock:
            left = getattr(self, counter)
            if left:
                setattr(self, counter, left - 1)
            return bool(left)
