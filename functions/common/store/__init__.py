"""The one bucket, through a few operations that S3, GCS and a folder can all do with strong consistency.

    create   write a key only if it does not exist          (S3 If-None-Match, GCS generation 0, link(2));
             create_large and read_large do the same for bodies too large for memory
    read     bytes and their version
    swap     replace a key only if it still has that version (S3 If-Match, GCS generation, a lock)
    delete   used only below `pending/`, and below `recordings/` once the pieces there were joined;
             expired keys, and those of a person to be forgotten, are removed by `History.purge`
    keys     all keys below a prefix, in order
    versions the same, each with a text that changes when its content does, and when it was written

There is no other locking. Everything but the record and `pending/` is created once and never changed. A writer that
loses a race to create has nothing left to do; one that loses a race to swap reads again.

What every store guarantees (tests/integration/functions/test_store_contract.py):

    threads   any number of threads may use one object; several objects, and processes, may share a store
    wholeness a key has all of its bytes or does not exist, also if the writer dies half-way
    order     a read or a listing sees everything that was written before it began
    listing   a key that exists during the whole listing is listed once; one that is created or deleted meanwhile may
              be missing
    ABA       the same content may get the same version again, so a swap can succeed although the content changed and
              changed back; two contents never share a version. What is swapped here depends on the content alone
    keys      segments of 1 to 128 of A-Z a-z 0-9 . _ -, not only dots, case-sensitive, joined by `/`
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from common.documents import Document, readable

_AT_ONCE = 8  # less than the size of both cloud libraries' connection pools


class StoreError(Exception):
    """The store can't be used; the message names the bucket or folder and what to fix. Worth a retry by the caller."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The content of a key, and the opaque version to pass to `swap`."""

    body: bytes
    version: str


class Listed(NamedTuple):
    """A key in a listing. `version` changes with the content, and may differ from the one that `swap` takes.

    `written_at`: Unix seconds.
    """

    key: str
    version: str
    written_at: float


def document(stored: Stored | None) -> Document:
    """The JSON object under a key; empty if the key does not exist or can't be read."""
    return readable(stored.body) if stored else {}


@dataclass(frozen=True, slots=True)
class Upload:
    """Permission to write one key once: a complete request except for its body. It grants nothing else."""

    method: str
    url: str
    headers: Mapping[str, str]


@runtime_checkable
class Grants(Protocol):
    """A store that can give others permission to write to it."""

    def grant(self, key: str, size: int, expires_s: int) -> Upload:
        """Permission to create `key` with a body of exactly `size` bytes. Raises StoreError."""
        ...


@runtime_checkable
class History(Protocol):
    """A store that may keep old versions of keys, and can delete a key with all of them."""

    def ever(self, prefix: str) -> Iterator[str]:
        """As `keys`, including keys of which only older versions are left."""
        ...

    def newest(self, key: str) -> bytes | None:
        """The content of `key`, or its last content if it was deleted; None if no version is left."""
        ...

    def purge(self, key: str) -> int:
        """Delete `key` with all of its versions, the current one last. Returns how many there were."""
        ...


class Store(Protocol):
    """Every method raises StoreError if it can't do its work."""

    def create(self, key: str, body: bytes) -> bool:
        """Write `body` if `key` does not exist. Returns False, and changes nothing, if it exists.

        A retry in a cloud's library may report our own write as a conflict: read False as "it exists", not as "somebody
        else wrote it".
        """
        ...

    def read(self, key: str) -> Stored | None:
        """None if the key does not exist."""
        ...

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        """As `create`, for a body that comes in parts and is never in memory as a whole.

        An exception from `parts` is passed on, and then nothing was written.
        """
        ...

    def read_large(self, key: str) -> Iterator[bytes] | None:
        """The content of `key`, in parts of about a megabyte; None if it does not exist."""
        ...

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        """`read` for each of `keys`, in order. Where a read is a round trip, they run concurrently."""
        ...

    def swap(self, key: str, body: bytes, version: str) -> bool:
        """Replace `key` if it is still at `version`. Returns False if it has changed or is gone."""
        ...

    def delete(self, key: str) -> None:
        """Delete `key`; does nothing if it does not exist."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that start with `prefix`, in order."""
        ...

    def versions(self, prefix: str) -> Iterator[Listed]:
        """As `keys`, with versions, at no extra cost."""
        ...


def together(read: Callable[[str], Stored | None], keys: Sequence[str]) -> list[Stored | None]:
    """Read `keys` concurrently: a call has five or ten pieces, and Exotel is waiting (D7)."""
    if len(keys) < 2:
        return [read(key) for key in keys]
    with ThreadPoolExecutor(min(len(keys), _AT_ONCE)) as pool:
        return list(pool.map(read, keys))


def in_blocks(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of at least `size`; only the last may be shorter."""
    block = bytearray()
    for part in parts:
        block += part
        if len(block) >= size:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def folder_of(url: str) -> Path | None:
    """The folder that `url` names, absolute; None for any other store."""
    scheme, _, rest = url.partition(":")
    return Path(rest).absolute() if scheme == "file" and rest else None


def open_store(url: str, *, read_only: bool = False) -> Store:
    """The store that `STORE` names: `file:DIR`, `s3://BUCKET[/PREFIX]` or `gs://BUCKET[/PREFIX]`.

    A cloud's library is imported only if its store is used. Raises ValueError for any other `url`. With `read_only` a
    folder is neither created nor written to, not even for locks.
    """
    if folder := folder_of(url):
        from functions.common.store.folder import FolderStore

        return FolderStore(folder, read_only=read_only)
    scheme, separator, rest = url.partition(":")
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    if separator and rest.startswith("//") and bucket:
        if scheme == "s3":
            from functions.common.store.s3 import S3Store

            return S3Store(bucket, prefix)
        if scheme == "gs":
            from functions.common.store.gcs import GcsStore

            return GcsStore(bucket, prefix)
    raise ValueError("file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
