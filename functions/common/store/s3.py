"""The store as an S3 bucket. Conditional writes: `If-None-Match: *` creates, `If-Match: ETag` swaps."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.common.store import Listed, Stored, StoreError, Upload, in_blocks, together

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

# A function has seconds; botocore would wait for a lost packet for a minute.
# Version 4 and the bucket in the host's name, or signed URLs would name the global host, which redirects elsewhere.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    signature_version="s3v4",
    s3={"addressing_style": "virtual"},
)
_RACES = 6
_BLOCK = 8 * 1024 * 1024  # every part of an upload but the last has at least 5 MiB
_READ = 1024 * 1024


class S3Store:
    """Everything below `prefix` (empty, or ending in a slash) of `bucket`."""

    def __init__(self, bucket: str, prefix: str = "", client: "S3Client | None" = None) -> None:
        self._bucket = bucket
        self._prefix = prefix
        with self._failures("open"):
            self._s3: S3Client = client or boto3.client("s3", config=_CONFIG)

    def create(self, key: str, body: bytes) -> bool:
        return self._put(key, body, IfNoneMatch="*")

    def read(self, key: str) -> Stored | None:
        with self._failures("s3:GetObject and s3:ListBucket"):
            found = self._found(key)
            return Stored(found["Body"].read(), found["ETag"]) if found else None

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        blocks = in_blocks(parts, _BLOCK)
        first, second = next(blocks, b""), next(blocks, None)
        if second is None:
            return self.create(key, first)
        name: Any = {"Bucket": self._bucket, "Key": self._prefix + key}
        with self._failures("s3:PutObject"):
            upload: Any = {**name, "UploadId": self._s3.create_multipart_upload(**name)["UploadId"]}
            try:
                done: list[Any] = []
                for number, block in enumerate(chain((first, second), blocks), 1):
                    tag = self._s3.upload_part(**upload, PartNumber=number, Body=block)["ETag"]
                    done.append({"PartNumber": number, "ETag": tag})
                self._s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done}, IfNoneMatch="*")
            except BaseException as error:
                with suppress(ClientError, BotoCoreError):  # else a lifecycle rule does it a week later
                    self._s3.abort_multipart_upload(**upload)
                if isinstance(error, ClientError) and _code(error) in {"PreconditionFailed", "412"}:
                    return False
                raise
        return True

    def read_large(self, key: str) -> Iterator[bytes] | None:
        with self._failures("s3:GetObject and s3:ListBucket"):
            found = self._found(key)
        return self._parts(found["Body"].iter_chunks(_READ)) if found else None

    def _found(self, key: str) -> "GetObjectOutputTypeDef | None":
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                return None
            raise

    def _parts(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        with self._failures("s3:GetObject"):
            yield from chunks

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        return together(self.read, keys)

    def swap(self, key: str, body: bytes, version: str) -> bool:
        return self._put(key, body, IfMatch=version)

    def delete(self, key: str) -> None:
        with self._failures("s3:DeleteObject"):
            self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def keys(self, prefix: str) -> Iterator[str]:
        return (listed.key for listed in self.versions(prefix))

    def versions(self, prefix: str) -> Iterator[Listed]:
        with self._failures("s3:ListBucket"):
            paginator = self._s3.get_paginator("list_objects_v2")
            for page in paginator.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for item in page.get("Contents", []):
                    key = item["Key"].removeprefix(self._prefix)
                    yield Listed(key, item["ETag"], item["LastModified"].timestamp())

    def ever(self, prefix: str) -> Iterator[str]:
        seen = ""
        for key, _, _ in self._history(prefix):
            if key != seen:
                yield (seen := key)

    def newest(self, key: str) -> bytes | None:
        if present := self.read(key):
            return present.body
        old = [version for found, version, is_body in self._history(key) if found == key and is_body]
        if not old:
            return None
        with self._failures("s3:GetObjectVersion"):
            found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key, VersionId=old[0])
            return found["Body"].read()

    def purge(self, key: str) -> int:
        history = [(version, is_body) for found, version, is_body in self._history(key) if found == key]
        with self._failures("s3:DeleteObjectVersion"):
            for version, _ in reversed(history):
                self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + key, VersionId=version)
        return sum(1 for _, is_body in history if is_body)

    def _history(self, prefix: str) -> Iterator[tuple[str, str, bool]]:
        """(key, version, whether it has a body) of all versions and delete markers, each key's newest first."""
        with self._failures("s3:ListBucketVersions"):
            paginator = self._s3.get_paginator("list_object_versions")
            for page in paginator.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                bodies = [
                    (item["Key"], item["LastModified"], item["VersionId"], True) for item in page.get("Versions", [])
                ]
                marks = [
                    (item["Key"], item["LastModified"], item["VersionId"], False)
                    for item in page.get("DeleteMarkers", [])
                ]
                for key, _, version, is_body in sorted(
                    [*bodies, *marks], key=lambda item: (item[0], -item[1].timestamp())
                ):
                    yield key.removeprefix(self._prefix), version, is_body

    def grant(self, key: str, size: int, expires_s: int) -> Upload:
        """A presigned PUT: key, length, content type and "only if it does not exist" are all signed."""
        signed = {"ContentLength": size, "ContentType": "audio/wav", "IfNoneMatch": "*"}
        with self._failures("s3:PutObject"):
            url = self._s3.generate_presigned_url(
                "put_object",
                Params={"Bucket": self._bucket, "Key": self._prefix + key, **signed},
                ExpiresIn=expires_s,
            )
        return Upload("PUT", url, {"content-type": "audio/wav", "if-none-match": "*"})

    def _put(self, key: str, body: bytes, **condition: Any) -> bool:
        """True if it was written, False if the condition did not hold.

        S3 answers 409 while a concurrent write to the same key is undecided; then it is retried.
        """
        with self._failures("s3:PutObject"):
            for attempt in range(_RACES):
                try:
                    self._s3.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=body, **condition)
                except ClientError as error:
                    if _code(error) in {"PreconditionFailed", "412", "NoSuchKey"}:
                        return False
                    if _code(error) not in {"ConditionalRequestConflict", "409"}:
                        raise
                    time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
                else:
                    return True
        raise StoreError(f"s3://{self._bucket}/{self._prefix}{key} has too many concurrent writers")

    @contextmanager
    def _failures(self, permission: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise StoreError(f"STORE=s3://{self._bucket}: {_advice(error, permission)}") from error
        except BotoCoreError as error:
            raise StoreError(f"STORE=s3://{self._bucket}: {error}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _advice(error: ClientError, permission: str) -> str:
    match _code(error):
        case "NoSuchBucket":
            return "there is no such bucket; create it or correct STORE"
        case "AccessDenied" | "403":
            return f"access denied; the function's role needs {permission} on this bucket"
        case _:
            return str(error)
