"""What no emulator imitates: S3's 409 in a race, a permission that lacks, a cloud that can't be reached."""

import pkgutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError
from google.api_core.exceptions import Forbidden, NotFound, ServiceUnavailable
from google.cloud.storage.exceptions import InvalidResponse

import functions.common.store
from functions.common.store import StoreError, open_store
from functions.common.store.folder import FolderStore
from functions.common.store.gcs import GcsStore
from tests.support.cloud_stores import STORES, stubbed_s3


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setattr("functions.common.store.s3.time.sleep", lambda _: None)
    with stubbed_s3() as stubbed:
        yield stubbed


def test_a_write_that_is_not_decided_yet_is_asked_again(s3):
    """409: another conditional write to the same key is under way; it may still fail."""
    store, stub = s3
    stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    stub.add_response("put_object", {})
    assert store.create("k", b"")
    stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
    assert not store.create("k", b"")


def test_a_race_without_end_is_an_error(s3):
    store, stub = s3
    for _ in range(6):
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
    with pytest.raises(StoreError, match="s3://records/k has too many concurrent writers"):
        store.create("k", b"")


def test_a_permission_that_lacks_is_named(s3):
    store, stub = s3
    for operation, call, permission in (
        ("put_object", lambda: store.create("k", b""), "s3:PutObject"),
        ("get_object", lambda: store.read("k"), "s3:GetObject and s3:ListBucket"),
        ("delete_object", lambda: store.delete("k"), "s3:DeleteObject"),
        ("list_objects_v2", lambda: list(store.keys("k")), "s3:ListBucket"),
        ("get_object", lambda: store.read_large("k"), "s3:GetObject and s3:ListBucket"),
        ("create_multipart_upload", lambda: store.create_large("k", [b"x" * (8 << 20), b"x"]), "s3:PutObject"),
        ("put_object", lambda: store.swap("k", b"", "v1"), "s3:PutObject"),
        ("list_object_versions", lambda: list(store.ever("k")), "s3:ListBucketVersions"),
    ):
        for code in ("AccessDenied", "403"):
            stub.add_client_error(operation, code, http_status_code=403)
            denied = f"access denied; the function's role needs {permission} on this bucket"
            with pytest.raises(StoreError, match=f"^STORE=s3://records: {denied}$"):
                call()
        stub.add_client_error(operation, "NoSuchBucket", http_status_code=404)
        missing = "there is no such bucket; create it or correct STORE"
        with pytest.raises(StoreError, match=f"^STORE=s3://records: {missing}$"):
            call()


def test_a_permission_for_earlier_versions_that_lacks_is_named(s3):
    store, stub = s3
    version = {"Key": "k", "VersionId": "v1", "LastModified": datetime(2026, 11, 1, tzinfo=UTC)}
    for operation, call, permission in (
        ("get_object", lambda: store.newest("k"), "s3:GetObjectVersion"),
        ("delete_object", lambda: store.purge("k"), "s3:DeleteObjectVersion"),
    ):
        if operation == "get_object":
            stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
        stub.add_response("list_object_versions", {"Versions": [version]})
        stub.add_client_error(operation, "AccessDenied", http_status_code=403)
        with pytest.raises(StoreError, match=f"needs {permission} on this bucket$"):
            call()


def test_an_aws_that_can_not_be_reached_is_a_store_error(s3, monkeypatch):
    store, _ = s3

    def unreachable(**_):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(store._s3, "get_object", unreachable)
    with pytest.raises(StoreError, match="s3://records"):
        store.read("k")


class FakeBucket:
    """A bucket every operation of which fails the same way."""

    def __init__(self, error):
        self._error = error

    def bucket(self, _):
        return self

    def blob(self, *_, **__):
        return self

    def _fail(self, *_, **__):
        raise self._error

    upload_from_string = download_as_bytes = delete = list_blobs = _fail
    exists = create_resumable_upload_session = _fail


@pytest.mark.parametrize(
    ("call", "permission"),
    [
        (lambda store: store.create("k", b""), "storage.objects.create"),
        (lambda store: store.read("k"), "storage.objects.get"),
        (lambda store: store.delete("k"), "storage.objects.delete"),
        (lambda store: list(store.keys("k")), "storage.objects.list"),
        (lambda store: store.swap("k", b"", "1"), "storage.objects.create"),
        (lambda store: store.read_large("k"), "storage.objects.get"),
        (lambda store: store.grant("k", 1, 900), "storage.objects.create"),
        (lambda store: list(store.ever("k")), "storage.objects.list"),
    ],
)
def test_gcs_names_the_permission_the_bucket_and_the_rest(call, permission):
    denied = f"access denied; the function's service account needs {permission} on this bucket"
    with pytest.raises(StoreError, match=f"^STORE=gs://records: {denied}$"):
        call(GcsStore("records", "", FakeBucket(Forbidden("no"))))
    missing = "there is no such bucket; create it or correct STORE"
    with pytest.raises(StoreError, match=f"^STORE=gs://records: {missing}$"):
        call(GcsStore("records", "", FakeBucket(NotFound("The specified bucket does not exist."))))
    with pytest.raises(StoreError, match="gs://records: 503"):
        call(GcsStore("records", "", FakeBucket(ServiceUnavailable("try later"))))


class FakeUpload(FakeBucket):
    """A bucket whose large uploads end with an HTTP status, as the library says it there and nowhere else."""

    def __init__(self, status):
        super().__init__(InvalidResponse(SimpleNamespace(status_code=status), "Request failed with status code"))

    def open(self, *_, **__):
        return SimpleNamespace(write=lambda _: None, close=self._fail, terminate=lambda: None)


def test_gcs_names_what_is_wrong_with_a_large_upload_as_with_a_small_one():
    """It was an error of another kind, which nobody expected of a store: a sweep took it for a fault of the call."""
    for status, said in (
        (403, "access denied; .* needs storage.objects.create"),
        (404, "there is no such bucket"),
        (503, "503"),
    ):
        with pytest.raises(StoreError, match=f"gs://records: {said}"):
            GcsStore("records", "", FakeUpload(status)).create_large("k", [b"x"])
    assert not GcsStore("records", "", FakeUpload(412)).create_large("k", [b"x"])


def test_no_such_object_is_not_an_error():
    store = GcsStore("records", "", FakeBucket(NotFound("No such object: records/k")))
    assert store.read("k") is None
    store.delete("k")


@pytest.mark.parametrize("url", ["", "data", "ftp://x", "s3:bucket", "s3://", "gs:///prefix", "file:"])
def test_an_unknown_store(url):
    with pytest.raises(ValueError, match="file:DIR, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"):
        open_store(url)


def test_every_store_is_tested_as_the_others_are():
    assert {module.name for module in pkgutil.iter_modules(functions.common.store.__path__)} == set(STORES)


def test_a_folder_is_opened_by_its_url(tmp_path):
    store = open_store(f"file:{tmp_path}/data")
    assert isinstance(store, FolderStore)
    store.create("k/a", b"x")
    assert (tmp_path / "data" / "k" / "a").read_bytes() == b"x"


class VersionedBucket:
    """Cloud Storage with versions, which the emulator does not have: generations by name, the newest last."""

    def __init__(self, **generations):
        self.generations = generations

    def bucket(self, _):
        return self

    def list_blobs(self, prefix, *, versions, **_):
        assert versions
        for name in sorted(self.generations):
            for generation in self.generations[name] if name.startswith(prefix) else ():
                yield SimpleNamespace(name=name, generation=generation)

    def blob(self, name, generation):
        def delete(**_):
            self.generations[name].remove(generation)

        return SimpleNamespace(delete=delete, download_as_bytes=lambda **_: f"{name} {generation}".encode())


def test_a_google_bucket_keeps_no_generation_of_a_purged_key():
    bucket = VersionedBucket(ka=[3, 7], kab=[5], x=[1])
    store = GcsStore("records", "", bucket)
    assert list(store.ever("k")) == ["ka", "kab"]
    assert store.newest("ka") == b"ka 7"
    assert store.newest("none") is None
    assert store.purge("ka") == 2
    assert bucket.generations == {"ka": [], "kab": [5], "x": [1]}
