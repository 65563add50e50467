"""Where the records lie, read only: what there is and in which version, and what it says."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from functions.common.store import Store, StoreError

Listing = Callable[[str], Iterator[tuple[str, str, float]]]
"""(key, version, when it was written) of everything below a prefix, in order: what `Store` does not tell."""


class Source(Protocol):
    """A store that nothing is written to."""

    @property
    def name(self) -> str:
        """As STORE has it."""

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Every key below `prefix`, and a text that changes when its content does."""

    def stamps(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Every key below `prefix`, in order, and when it was written: Unix seconds."""

    def read(self, key: str) -> bytes | None:
        """None when there is no such key."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder, which may be read-only: `FolderStore` would want to write its locks there."""

    folder: Path

    @property
    def name(self) -> str:
        return f"file:{self.folder}"

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        for entry in self._entries(prefix):
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue  # gone since it was listed
            yield self._key(entry), f"{status.st_mtime_ns}-{status.st_size}"

    def stamps(self, prefix: str) -> Iterator[tuple[str, float]]:
        return iter(sorted((self._key(entry), entry.stat().st_mtime) for entry in self._entries(prefix)))

    def _entries(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """The files below `prefix`, which ends with a slash. `Path.rglob` takes three times as long."""
        folders = [str(self.folder / prefix)]
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"{self.name}: {error.strerror}; is it a folder you may read?") from error
            folders += [entry.path for entry in entries if entry.is_dir()]
            yield from (entry for entry in entries if entry.is_file())

    def _key(self, entry: os.DirEntry[str]) -> str:
        return entry.path[len(str(self.folder)) + 1 :].replace(os.sep, "/")

    def read(self, key: str) -> bytes | None:
        path = self.folder / key
        if ".." in path.parts:
            raise StoreError(f"{key!r} is not a key")
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.name}: {key}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class BucketSource:
    """A bucket, through the store the functions use."""

    name: str
    store: Store
    listed: Listing

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        next(self.store.keys(prefix), None)  # whatever is wrong with the bucket, the store has a sentence for it
        return ((key, version) for key, version, _ in self.listed(prefix))

    def stamps(self, prefix: str) -> Iterator[tuple[str, float]]:
        return ((key, written) for key, _, written in self.listed(prefix))

    def read(self, key: str) -> bytes | None:
        stored = self.store.read(key)
        return stored.body if stored else None


def open_source(url: str) -> Source:
    """What `STORE` names. Raises ValueError, or StoreError for want of credentials, with a sentence."""
    scheme, _, rest = url.partition(":")
    if scheme == "file" and rest:
        folder = Path(rest).absolute()
        if not folder.is_dir():
            raise ValueError(f"{url}: there is no such folder. A first call makes one: make softphone, or make demo")
        return FolderSource(folder)
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    if scheme in {"s3", "gs"} and rest.startswith("//") and bucket:
        return _s3(url, bucket, prefix) if scheme == "s3" else _gcs(url, bucket, prefix)
    raise ValueError(f"{url!r}: expected file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")


def _s3(url: str, bucket: str, prefix: str) -> Source:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from functions.common.store.s3 import S3Store

    def listed(below: str) -> Iterator[tuple[str, str, float]]:
        with _as_store_error(url, BotoCoreError, ClientError):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + below):
                for item in page.get("Contents", []):
                    yield item["Key"].removeprefix(prefix), item["ETag"], item["LastModified"].timestamp()

    with _as_store_error(url, BotoCoreError, ClientError):
        client = boto3.client("s3")
    return BucketSource(url, S3Store(bucket, prefix, client), listed)


def _gcs(url: str, bucket: str, prefix: str) -> Source:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import storage  # type: ignore[import-untyped]  # the library brings no types

    from functions.common.store.gcs import GcsStore

    def listed(below: str) -> Iterator[tuple[str, str, float]]:
        with _as_store_error(url, GoogleAPIError, GoogleAuthError):
            for blob in client.list_blobs(bucket, prefix=prefix + below):
                yield blob.name.removeprefix(prefix), str(blob.generation), blob.updated.timestamp()

    with _as_store_error(url, GoogleAPIError, GoogleAuthError):
        client = storage.Client()
    return BucketSource(url, GcsStore(bucket, prefix, client), listed)


@contextmanager
def _as_store_error(url: str, *kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise StoreError(f"{url}: {error}") from error
