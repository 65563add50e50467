"""The store as a folder, for one machine; several processes may share it.

A key is a file; keys are case-sensitive if the file system is. A file appears whole or not at all: `create` links a
finished temporary file into place, which fails if the name is taken; `swap` and `delete` hold a lock while they
compare. A version is the hash of the content.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from functions.common.store import Listed, Stored, StoreError

_OWN = ".store"  # locks and unfinished files; keys never start with a dot
_LOCKS = 64
_READ = 1024 * 1024


class FolderStore:
    """Everything below `folder`, which is created if it does not exist, unless it is only read."""

    def __init__(self, folder: str | Path, *, read_only: bool = False) -> None:
        self._root = Path(folder).absolute()
        self._own = self._root / _OWN
        self._read_only = read_only
        if not read_only:
            with self._failures():
                self._own.mkdir(parents=True, exist_ok=True)
        elif not self._root.is_dir():
            raise StoreError(f"STORE=file:{self._root}: there is no such folder")

    def create(self, key: str, body: bytes) -> bool:
        return self.create_large(key, (body,))

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        target = self._writable(key)
        with self._failures(), self._written(target, parts) as finished:
            try:
                os.link(finished, target)
            except FileExistsError:
                return False
            _sync_folder(target.parent)
            return True

    def read(self, key: str) -> Stored | None:
        with self._failures():
            try:
                body = self._path(key).read_bytes()
            except FileNotFoundError:
                return None
        return Stored(body, _version(body))

    def read_large(self, key: str) -> Iterator[bytes] | None:
        path = self._path(key)
        return self._parts(path) if path.is_file() else None

    def _parts(self, path: Path) -> Iterator[bytes]:
        with self._failures(), path.open("rb") as file:
            while part := file.read(_READ):
                yield part

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        return [self.read(key) for key in keys]

    def swap(self, key: str, body: bytes, version: str) -> bool:
        target = self._writable(key)
        with self._failures(), self._locked(key):
            present = self.read(key)
            if present is None or present.version != version:
                return False
            with self._written(target, (body,)) as finished:
                os.replace(finished, target)
            _sync_folder(target.parent)
            return True

    def delete(self, key: str) -> None:
        target = self._writable(key)
        with self._failures(), self._locked(key):
            target.unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key, _ in self._entries(prefix)))

    def versions(self, prefix: str) -> Iterator[Listed]:
        found = []
        for key, entry in self._entries(prefix):
            with self._failures():
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue  # deleted since it was listed
            version = f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
            found.append(Listed(key, version, status.st_mtime))
        return iter(sorted(found))

    def ever(self, prefix: str) -> Iterator[str]:
        return self.keys(prefix)

    def newest(self, key: str) -> bytes | None:
        stored = self.read(key)
        return stored.body if stored else None

    def purge(self, key: str) -> int:
        """Also deletes the folders that are then empty: their names identify calls."""
        target = self._writable(key)
        with self._failures(), self._locked(key):
            try:
                target.unlink()
            except FileNotFoundError:
                return 0
        for folder in target.parents:
            if folder == self._root:
                break
            try:
                folder.rmdir()
            except OSError:
                break
        return 1

    def _entries(self, prefix: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """The files whose keys start with `prefix`. `os.walk` and `Path.rglob` take three times as long."""
        folders = [str(self._root / prefix.rpartition("/")[0])]
        skipped = len(str(self._root)) + 1
        while folders:
            with self._failures():
                try:
                    entries = list(os.scandir(folders.pop()))
                except FileNotFoundError:
                    continue
            for entry in entries:
                key = entry.path[skipped:].replace(os.sep, "/")
                if entry.is_dir():
                    folders += [] if key == _OWN else [entry.path]
                elif key.startswith(prefix):
                    yield key, entry

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if parts[0] == _OWN or any(part in {"", ".", ".."} for part in parts):
            raise StoreError(f"{key!r} is not a key")
        return self._root / key

    def _writable(self, key: str) -> Path:
        if self._read_only:
            raise StoreError(f"STORE=file:{self._root} is open for reading only")
        return self._path(key)

    @contextmanager
    def _written(self, target: Path, parts: Iterable[bytes]) -> Iterator[str]:
        """A temporary file with the content of `parts`, synced to the disk."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._own)
        try:
            with open(handle, "wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            yield name
        finally:
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], "big") % _LOCKS
        with open(self._own / f"lock-{number}", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, also when the process dies
            yield

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(f"STORE=file:{self._root}: {reason}; is it a writable folder?") from error


def _sync_folder(folder: Path) -> None:
    """A new name survives a crash only once its folder is synced too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
