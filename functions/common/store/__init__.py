"""The one bucket, seen through a few operations that S3, GCS and a folder all can do strongly consistently.

    create   write a key only if it is not there yet        (S3 If-None-Match, GCS generation 0, link(2));
             create_large and read_large do the same with what is too much for memory
    read     bytes and the version they have
    swap     replace a key only if it still has that version (S3 If-Match, GCS generation, a lock)
    delete   only ever used below `pending/`, and below `recordings/` once what lies there was joined;
             what was kept for long enough, and a person's, go by `History.purge`
    keys     all keys below a prefix, in order
    versions the same, each with a text that changes when its content does, and when it was written

That is all the locking there is. Everything but the record and `pending/` is created once and never changed, so who
loses a race to create has nothing left to do; who loses a race to swap reads again.

What every store promises (tests/integration/functions/test_store_contract.py holds them to it):

    threads   one object may be used by any number of threads at once; several objects, and processes, may share a store
    wholeness a key has all of its bytes or is not there, also when the writer dies in the middle
    order     what has been written is read by whoever reads after that, and is listed
    listing   a key that is there during the whole listing is listed once; one that comes or goes may be or not
    ABA       the same content may have the same version again, so a swap may succeed although something else was there
              in between; two contents never share one. What is swapped here depends on the content alone
    keys      segments of 1 to 128 of A-Z a-z 0-9 . _ -, not only dots, which differ by case, joined by `/`
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from common.documents import Document, readable

_AT_ONCE = 8  # fewer than the connections that both cloud libraries keep open


class StoreError(Exception):
    """The store can't be used; the message names the bucket or folder and what to fix. Worth a retry by the caller."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a key held, and the opaque version that `swap` wants to see again."""

    body: bytes
    version: str


class Listed(NamedTuple):
    """A key in a listing. `version` changes when the content does, and need not be what `swap` wants to see;
    `written_at`: Unix seconds."""

    key: str
    version: str
    written_at: float


def document(stored: Stored | None) -> Document:
    """The JSON object that a key holds; empty for one that is not there, or can't be read."""
    return readable(stored.body) if stored else {}


@dataclass(frozen=True, slots=True)
class Upload:
    """Leave to write one key, once, without any other right: a request to be made as it stands here, body apart."""

    method: str
    url: str
    headers: Mapping[str, str]


@runtime_checkable
class Grants(Protocol):
    """A store that can be written to from outside by who was given leave."""

    def grant(self, key: str, size: int, expires_s: int) -> Upload:
        """Leave to create `key` with a body of exactly `size` bytes. Raises StoreError."""
        ...


@runtime_checkable
class History(Protocol):
    """A store that may keep what was replaced or deleted, and can be told to keep nothing of a key."""

    def ever(self, prefix: str) -> Iterator[str]:
        """As `keys`, with those of which only older versions are left."""
        ...

    def newest(self, key: str) -> bytes | None:
        """What `key` holds, or held last; None when nothing is left of it."""
        ...

    def purge(self, key: str) -> int:
        """Remove `key` with all of its versions, the current one last; how many there were."""
        ...


class Store(Protocol):
    """An operation that can't be done raises StoreError."""

    def create(self, key: str, body: bytes) -> bool:
        """Write `body` if `key` does not exist; False when it does (and then nothing was changed).

        A retry below us may report False for what we wrote ourselves: treat it as "it is there", not as "not mine".
        """
        ...

    def read(self, key: str) -> Stored | None:
        """None when there is no such key."""
        ...

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        """As `create`, of a body that comes in parts and is never in memory as a whole.

        Whatever `parts` raises is raised, and then nothing was written.
        """
        ...

    def read_large(self, key: str) -> Iterator[bytes] | None:
        """What `key` holds, in parts of a megabyte or so; None when there is no such key."""
        ...

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        """As many times `read`, in the order of `keys`; where a read is a round trip, they are made together."""
        ...

    def swap(self, key: str, body: bytes, version: str) -> bool:
        """Replace `key` if it is still at `version`; False when it has changed or gone."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key`; nothing happens when it is not there."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix`, in order."""
        ...

    def versions(self, prefix: str) -> Iterator[Listed]:
        """As `keys`, at no more cost."""
        ...


def together(read: Callable[[str], Stored | None], keys: Sequence[str]) -> list[Stored | None]:
    """Read `keys` at the same time: a call has five or ten pieces, and Exotel is waiting (D7)."""
    if len(keys) < 2:
        return [read(key) for key in keys]
    with ThreadPoolExecutor(min(len(keys), _AT_ONCE)) as pool:
        return list(pool.map(read, keys))


def in_blocks(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of at least `size`, but for the last."""
    block = bytearray()
    for part in parts:
        block += part
        if len(block) >= size:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def open_store(url: str, *, read_only: bool = False) -> Store:
    """The store that `STORE` names: `file:DIR`, `s3://BUCKET[/PREFIX]` or `gs://BUCKET[/PREFIX]`.

    A cloud's library is imported only when its store is asked for. Raises ValueError for any other `url`. With
    `read_only` a folder is neither made nor written to, not even for locks.
    """
    scheme, separator, rest = url.partition(":")
    if scheme == "file" and rest:
        from functions.common.store.folder import FolderStore

        return FolderStore(rest, read_only=read_only)
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
