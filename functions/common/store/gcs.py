"""The store as a Cloud Storage bucket. A version is an object's generation; generation 0 means "not there"."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed, from_http_status
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage  # type: ignore[import-untyped]  # the library brings no types
from google.cloud.storage.exceptions import InvalidResponse  # type: ignore[import-untyped]
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]
from requests.exceptions import RequestException

from functions.common.store import Listed, Stored, StoreError, Upload, together

# Every write has a precondition, so a retry is safe; a function has seconds for it, not minutes.
_RETRY = DEFAULT_RETRY.with_timeout(8.0)
_TIMEOUT = (2.0, 6.0)  # seconds to connect, and to read
_BLOCK = 8 * 1024 * 1024
_READ = 1024 * 1024


class GcsStore:
    """Everything below `prefix` (empty, or ending in a slash) of `bucket`."""

    def __init__(self, bucket: str, prefix: str = "", client: storage.Client | None = None) -> None:
        self._name = bucket
        self._prefix = prefix
        with self._failures("open"):
            self._bucket = (client or storage.Client()).bucket(bucket)

    def create(self, key: str, body: bytes) -> bool:
        return self._put(key, body, generation=0)

    def read(self, key: str) -> Stored | None:
        blob = self._bucket.blob(self._prefix + key)
        with self._failures("storage.objects.get"):
            try:
                body = blob.download_as_bytes(raw_download=True, retry=_RETRY, timeout=_TIMEOUT)
            except NotFound as error:
                if _is_bucket(error):
                    raise
                return None
            return Stored(body, str(blob.generation))

    def create_large(self, key: str, parts: Iterable[bytes]) -> bool:
        blob = self._bucket.blob(self._prefix + key, chunk_size=_BLOCK)
        with self._failures("storage.objects.create"):
            try:
                writer = blob.open("wb", ignore_flush=True, if_generation_match=0, retry=_RETRY, timeout=_TIMEOUT)
                try:
                    for part in parts:
                        writer.write(part)
                except BaseException:
                    writer.terminate()
                    raise
                writer.close()
            except PreconditionFailed:
                return False
            except InvalidResponse as error:
                status = error.response.status_code
                if status == HTTPStatus.PRECONDITION_FAILED:
                    return False
                # As the library has it everywhere else.
                raise from_http_status(status, str(error)) from error  # type: ignore[no-untyped-call]  # it has no types
        return True

    def read_large(self, key: str) -> Iterator[bytes] | None:
        blob = self._bucket.blob(self._prefix + key, chunk_size=_READ)
        with self._failures("storage.objects.get"):
            if not blob.exists(retry=_RETRY, timeout=_TIMEOUT):
                return None
        return self._parts(blob)

    def _parts(self, blob: storage.Blob) -> Iterator[bytes]:
        with self._failures("storage.objects.get"):
            reader = blob.open("rb", raw_download=True, retry=_RETRY, timeout=_TIMEOUT)
            while part := reader.read(_READ):
                yield part

    def read_all(self, keys: Sequence[str]) -> list[Stored | None]:
        return together(self.read, keys)

    def swap(self, key: str, body: bytes, version: str) -> bool:
        return self._put(key, body, generation=int(version))

    def delete(self, key: str) -> None:
        with self._failures("storage.objects.delete"):
            try:
                self._bucket.blob(self._prefix + key).delete(retry=_RETRY, timeout=_TIMEOUT)
            except NotFound as error:
                if _is_bucket(error):
                    raise

    def keys(self, prefix: str) -> Iterator[str]:
        return (listed.key for listed in self.versions(prefix))

    def versions(self, prefix: str) -> Iterator[Listed]:
        with self._failures("storage.objects.list"):
            for blob in self._bucket.list_blobs(prefix=self._prefix + prefix, retry=_RETRY, timeout=_TIMEOUT):
                key = blob.name.removeprefix(self._prefix)
                yield Listed(key, str(blob.generation), blob.updated.timestamp())

    def grant(self, key: str, size: int, expires_s: int) -> Upload:
        """An upload session: opened here, and used by the holder of its URL, who needs no permission in the cloud.

        We can't sign URLs here: the function has no key to sign with, so each signed URL would need a request to IAM
        and the permission `iam.serviceAccounts.signBlob`. The session is limited to one key that does not exist yet and
        one length. Google keeps it for a week, and it can't be shortened.
        """
        blob = self._bucket.blob(self._prefix + key)
        with self._failures("storage.objects.create"):
            url = blob.create_resumable_upload_session(
                content_type="audio/wav",
                size=size,
                if_generation_match=0,
                checksum=None,
                timeout=_TIMEOUT,
                retry=_RETRY,
            )
        return Upload("PUT", url, {"content-type": "audio/wav"})

    def ever(self, prefix: str) -> Iterator[str]:
        seen = ""
        for key, _ in self._history(prefix):
            if key != seen:
                yield (seen := key)

    def newest(self, key: str) -> bytes | None:
        generations = [generation for found, generation in self._history(key) if found == key]
        if not generations:
            return None
        with self._failures("storage.objects.get"):
            blob = self._bucket.blob(self._prefix + key, generation=max(generations))
            body: bytes = blob.download_as_bytes(raw_download=True, retry=_RETRY, timeout=_TIMEOUT)
            return body

    def purge(self, key: str) -> int:
        generations = sorted(generation for found, generation in self._history(key) if found == key)
        for generation in generations:
            with self._failures("storage.objects.delete"):
                try:
                    blob = self._bucket.blob(self._prefix + key, generation=generation)
                    blob.delete(retry=_RETRY, timeout=_TIMEOUT)
                except NotFound as error:
                    if _is_bucket(error):
                        raise
        return len(generations)

    def _history(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(key, generation) of all current and noncurrent objects; soft-deleted objects are not listed."""
        with self._failures("storage.objects.list"):
            everything = self._prefix + prefix
            for blob in self._bucket.list_blobs(prefix=everything, versions=True, retry=_RETRY, timeout=_TIMEOUT):
                yield blob.name.removeprefix(self._prefix), int(blob.generation)

    def _put(self, key: str, body: bytes, *, generation: int) -> bool:
        with self._failures("storage.objects.create"):
            try:
                self._bucket.blob(self._prefix + key).upload_from_string(
                    body,
                    content_type="application/octet-stream",
                    if_generation_match=generation,
                    retry=_RETRY,
                    timeout=_TIMEOUT,
                )
            except PreconditionFailed:
                return False
            return True

    @contextmanager
    def _failures(self, permission: str) -> Iterator[None]:
        try:
            yield
        except NotFound as error:
            raise StoreError(f"STORE=gs://{self._name}: there is no such bucket; create it or correct STORE") from error
        except Forbidden as error:
            needed = f"the function's service account needs {permission} on this bucket"
            raise StoreError(f"STORE=gs://{self._name}: access denied; {needed}") from error
        except (GoogleAPIError, GoogleAuthError, RequestException) as error:
            raise StoreError(f"STORE=gs://{self._name}: {error}") from error


def _is_bucket(error: NotFound) -> bool:
    """Whether a 404 means that the bucket is missing, not the object; only the text tells them apart."""
    return "bucket does not exist" in str(error).lower()
