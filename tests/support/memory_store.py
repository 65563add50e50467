"""Stores for tests: one in memory, and one that dies at a chosen operation."""

import threading
from collections.abc import Iterable, Iterator, Sequence

from functions.common.store import Listed, Store, Stored


class MemoryStore:
    """The store's contract over a dict; `objects` is there to look at."""

    def __init__(self, *, versioned: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.past: dict[str, list[bytes]] = {}
        """What was replaced or deleted, as a bucket with versions keeps it; only kept with `versioned`."""
        self.versioned = versioned
        self._versions: dict[str, int] = {}
        self._count = 0
        self._lock = threading.Lock()

    def create(self, key: str, body: bytes) -> bool:
        with self._lock:
            if key in self.objects:
                return False
            self._put(key, body)
            return True

    def read(self, key: str) -> Stored | None:
        with self._lock:
            return Stored(self.objects[key], str(self._versions[key])) if key in self.objects else None

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        return self.create(key, b"".join(parts))

    def read_large(self, key: str) -> Iterator[bytes] | None:
        stored = self.read(key)
        return iter((stored.body,)) if stored else None

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        return [self.read(key) for key in keys]

    def swap(self, key: str, body: bytes, version: str) -> bool:
        with self._lock:
            if key not in self.objects or str(self._versions[key]) != version:
                return False
            self._put(key, body)
            return True

    def delete(self, key: str) -> None:
        with self._lock:
            self._retire(key)
            self.objects.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        with self._lock:
            return iter(sorted([key for key in self.objects if key.startswith(prefix)]))

    def versions(self, prefix: str) -> Iterator[Listed]:
        with self._lock:
            found = [Listed(key, str(self._versions[key]), 0.0) for key in self.objects if key.startswith(prefix)]
        return iter(sorted(found))

    def ever(self, prefix: str) -> Iterator[str]:
        with self._lock:
            return iter(sorted(key for key in {*self.objects, *self.past} if key.startswith(prefix)))

    def newest(self, key: str) -> bytes | None:
        with self._lock:
            return self.objects.get(key) or next(reversed(self.past.get(key, [])), None)

    def purge(self, key: str) -> int:
        with self._lock:
            return (self.objects.pop(key, None) is not None) + len(self.past.pop(key, []))

    def _put(self, key: str, body: bytes) -> None:
        self._retire(key)
        self._count += 1
        self.objects[key] = body
        self._versions[key] = self._count

    def _retire(self, key: str) -> None:
        if self.versioned and key in self.objects:
            self.past.setdefault(key, []).append(self.objects[key])


class Crash(BaseException):
    """The process dies. Not an Exception, so that no handler of ours can make something of it."""


class CrashingStore:
    """Hands everything on to `store`, and dies just before or just after operation number `at` (from 0)."""

    def __init__(self, store: Store, at: int | None, *, after: bool = False) -> None:
        self._store = store
        self._at = at
        self._after = after
        self.operations = 0

    def create(self, key: str, body: bytes) -> bool:
        return self._step(lambda: self._store.create(key, body))

    def read(self, key: str) -> Stored | None:
        return self._step(lambda: self._store.read(key))

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        return self._step(lambda: self._store.create_large(key, parts))

    def read_large(self, key: str) -> Iterator[bytes] | None:
        return self._step(lambda: self._store.read_large(key))

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        return [self.read(key) for key in keys]

    def swap(self, key: str, body: bytes, version: str) -> bool:
        return self._step(lambda: self._store.swap(key, body, version))

    def delete(self, key: str) -> None:
        return self._step(lambda: self._store.delete(key))

    def keys(self, prefix: str) -> Iterator[str]:
        return self._step(lambda: self._store.keys(prefix))

    def versions(self, prefix: str) -> Iterator[Listed]:
        return self._step(lambda: self._store.versions(prefix))

    def ever(self, prefix: str) -> Iterator[str]:
        return self._step(lambda: self._store.ever(prefix))

    def newest(self, key: str) -> bytes | None:
        return self._step(lambda: self._store.newest(key))

    def purge(self, key: str) -> int:
        return self._step(lambda: self._store.purge(key))

    def _step(self, operation):
        number = self.operations
        self.operations += 1
        if number == self._at and not self._after:
            raise Crash
        result = operation()
        if number == self._at:
            raise Crash
        return result
