"""What the stores of both clouds ask of them, request by request. The contract is tested on emulators of both."""

from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.common.store import StoreError
from functions.common.store.gcs import GcsStore
from tests.support.cloud_stores import stubbed_s3


def page(name, **items):
    return {"Name": "records", "Prefix": name, **items}


def listed(key, version, day, **more):
    return {"Key": key, "VersionId": version, "LastModified": datetime(2026, 11, day, tzinfo=UTC), **more}


@pytest.fixture
def below():
    """A store below a prefix. A request, or a parameter, that the stub was not told of fails."""
    with stubbed_s3("p/") as stubbed:
        yield stubbed


def test_s3_writes_only_what_is_not_there_and_swaps_only_the_version_it_read(below):
    store, stub = below
    where = {"Bucket": "records", "Key": "p/k", "Body": b"x"}
    stub.add_response("put_object", {}, {**where, "IfNoneMatch": "*"})
    assert store.create("k", b"x")
    stub.add_response("put_object", {}, {**where, "IfMatch": "v1"})
    assert store.swap("k", b"x", "v1")
    stub.add_client_error("put_object", "NoSuchKey", http_status_code=404)
    assert not store.swap("k", b"x", "v1")
    stub.add_client_error("put_object", "412", http_status_code=412)
    assert not store.create("k", b"x")
    stub.assert_no_pending_responses()


def test_s3_lists_keys_without_the_prefix_over_several_pages(below):
    store, stub = below
    stub.add_response(
        "list_objects_v2",
        page(
            "p/k",
            IsTruncated=True,
            NextContinuationToken="t",
            Contents=[{"Key": "p/ka", "ETag": "e1", "LastModified": datetime(2026, 11, 1, tzinfo=UTC)}],
        ),
        {"Bucket": "records", "Prefix": "p/k"},
    )
    stub.add_response(
        "list_objects_v2",
        page("p/k", Contents=[{"Key": "p/kb", "ETag": "e2", "LastModified": datetime(2026, 11, 2, tzinfo=UTC)}]),
        {"Bucket": "records", "Prefix": "p/k", "ContinuationToken": "t"},
    )
    first, second = store.versions("k")
    assert (first.key, first.version, second.key, second.version) == ("ka", "e1", "kb", "e2")
    assert second.written_at - first.written_at == 86_400


def test_s3_uploads_in_parts_only_what_is_too_large_for_one_request(below):
    store, stub = below
    where = {"Bucket": "records", "Key": "p/k"}
    block = 8 * 1024 * 1024
    stub.add_response("put_object", {}, {**where, "Body": b"ab", "IfNoneMatch": "*"})
    assert store.create_large("k", [b"a", b"b"])
    stub.add_response("put_object", {}, {**where, "Body": b"", "IfNoneMatch": "*"})
    assert store.create_large("k", [])
    stub.add_response("create_multipart_upload", {"UploadId": "u"}, where)
    for number, size in ((1, block), (2, 1)):
        part = {**where, "UploadId": "u", "PartNumber": number, "Body": b"x" * size}
        stub.add_response("upload_part", {"ETag": f"e{number}"}, part)
    done = {"Parts": [{"PartNumber": 1, "ETag": "e1"}, {"PartNumber": 2, "ETag": "e2"}]}
    stub.add_response(
        "complete_multipart_upload", {}, {**where, "UploadId": "u", "MultipartUpload": done, "IfNoneMatch": "*"}
    )
    assert store.create_large("k", [b"x" * block, b"x"])
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("AccessDenied", 403)])
def test_s3_leaves_no_half_of_an_upload(below, code, status):
    """Nobody would see it, and it costs as long as it lies there."""
    store, stub = below
    upload = {"Bucket": "records", "Key": "p/k", "UploadId": "u"}
    block = 8 * 1024 * 1024
    stub.add_response("create_multipart_upload", {"UploadId": "u"})
    stub.add_response("upload_part", {"ETag": "e1"})
    stub.add_response("upload_part", {"ETag": "e2"})
    stub.add_client_error("complete_multipart_upload", code, http_status_code=status)
    stub.add_response("abort_multipart_upload", {}, upload)
    if status == 412:
        assert not store.create_large("k", [b"x" * block, b"x"])
    else:
        with pytest.raises(StoreError, match="needs s3:PutObject"):
            store.create_large("k", [b"x" * block, b"x"])
    stub.assert_no_pending_responses()


HISTORY = page(
    "p/k",
    Versions=[listed("p/k", "v1", 1), listed("p/k", "v2", 3), listed("p/ka", "v3", 2)],
    DeleteMarkers=[listed("p/k", "m1", 4)],
)


def test_s3_finds_what_was_replaced_and_deletes_all_of_it_the_newest_last(below):
    store, stub = below
    for _ in range(3):
        stub.add_response("list_object_versions", HISTORY, {"Bucket": "records", "Prefix": "p/k"})
    assert list(store.ever("k")) == ["k", "ka"]
    assert list(store._history("k"))[:3] == [("k", "m1", False), ("k", "v2", True), ("k", "v1", True)]
    for version in ("v1", "v2", "m1"):
        stub.add_response("delete_object", {}, {"Bucket": "records", "Key": "p/k", "VersionId": version})
    assert store.purge("k") == 2
    stub.assert_no_pending_responses()


def test_s3_has_the_last_content_of_what_was_deleted(below):
    store, stub = below
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    stub.add_response("list_object_versions", HISTORY)
    stub.add_response(
        "get_object",
        {"Body": SimpleNamespace(read=lambda: b"last")},
        {"Bucket": "records", "Key": "p/k", "VersionId": "v2"},
    )
    assert store.newest("k") == b"last"
    stub.add_response("get_object", {"Body": SimpleNamespace(read=lambda: b"now"), "ETag": "e"})
    assert store.newest("k") == b"now"
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    stub.add_response("list_object_versions", page("p/k"))
    assert store.newest("k") is None


def test_s3_grants_one_key_one_length_and_only_once(below):
    store, _ = below
    upload = store.grant("recordings/k", 1000, 900)
    query = parse_qs(urlsplit(upload.url).query)
    assert (upload.method, upload.headers) == ("PUT", {"content-type": "audio/wav", "if-none-match": "*"})
    assert urlsplit(upload.url).path == "/p/recordings/k"
    assert query["X-Amz-Expires"] == ["900"]
    assert set(query["X-Amz-SignedHeaders"][0].split(";")) >= {"content-length", "content-type", "if-none-match"}


class Generations:
    """Remembers what it is asked, and has one object of generation 7."""

    def __init__(self):
        self.asked = []

    def bucket(self, _):
        return self

    def blob(self, name, **_):
        def upload(body, **how):
            self.asked.append((name, body, how["if_generation_match"]))

        return SimpleNamespace(upload_from_string=upload, generation=7, download_as_bytes=lambda **_: name.encode())

    def list_blobs(self, prefix, **_):
        self.asked.append(prefix)
        yield SimpleNamespace(name=f"{prefix}a", generation=7, updated=datetime(2026, 11, 1, tzinfo=UTC))


def test_gcs_grants_one_key_one_length_and_only_once():
    class Bucket(Generations):
        def blob(self, name, **_):
            return SimpleNamespace(create_resumable_upload_session=lambda **what: f"{name} {what['size']} {what}")

    upload = GcsStore("records", "p/", Bucket()).grant("k", 1000, 900)
    assert upload.url.startswith("p/k 1000 ")
    assert "'if_generation_match': 0" in upload.url
    assert (upload.method, upload.headers) == ("PUT", {"content-type": "audio/wav"})


def test_gcs_writes_only_what_is_not_there_and_swaps_only_the_generation_it_read():
    bucket = Generations()
    store = GcsStore("records", "p/", bucket)
    assert store.create("k", b"x")
    assert store.swap("k", b"y", store.read("k").version)
    assert bucket.asked == [("p/k", b"x", 0), ("p/k", b"y", 7)]
    assert store.read("k").body == b"p/k"
    [found] = store.versions("k")
    assert (found.key, found.version) == ("ka", "7")
    assert found.written_at == datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    assert bucket.asked[-1] == "p/k"
