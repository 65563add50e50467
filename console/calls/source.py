"""The store of the records, read-only: which records there are, their versions and contents."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from console.stores import opened
from functions.common.sealed import Sealing
from functions.common.store import Store, StoreError, folder_of


@dataclass(frozen=True, slots=True)
class Source:
    """A store that is only read. `name`: as written in STORE; `folder`: set if it is a folder of this machine;
    `sealing`: opens raw webhooks that are stored encrypted."""

    name: str
    store: Store
    folder: Path | None = None
    sealing: Sealing = field(default_factory=Sealing)

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Every key below `prefix`, with a version: a text that changes when the content changes."""
        return ((listed.key, listed.version) for listed in self.store.versions(prefix))

    def stamps(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Every key below `prefix`, sorted, with the time when it was written (Unix seconds)."""
        return ((listed.key, listed.written_at) for listed in self.store.versions(prefix))

    def read(self, key: str) -> bytes | None:
        """None if the key does not exist."""
        stored = self.store.read(key)
        return stored.body if stored else None


def open_source(url: str, sealing: Sealing | None = None) -> Source:
    """The store that `STORE` names. Raises ValueError, or StoreError if the folder or the credentials are missing."""
    folder = folder_of(url)
    try:
        store = opened(url, read_only=True)
    except StoreError as error:
        first = ". A first call makes one: make softphone, or make demo" if folder and not folder.is_dir() else ""
        raise StoreError(f"{error}{first}") from None
    return Source(f"file:{folder}" if folder else url, store, folder, sealing or Sealing())
