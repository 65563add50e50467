"""Leave to write one key, as the two clouds give it: the request is made by somebody who holds nothing else."""

import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.common.store.gcs import GcsStore
from functions.common.store.s3 import S3Store

KEY = "recordings/call/stream/00000.wav"


def put(upload, body: bytes) -> int:
    request = urllib.request.Request(upload.url, body, dict(upload.headers), method=upload.method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("place", ["s3", "gcs"], indirect=True)
def test_a_granted_upload_writes_its_key(store):
    assert put(store.grant(KEY, 4, 900), b"abcd") == 200
    assert store.read(KEY).body == b"abcd"


@pytest.mark.parametrize("place", ["s3", "gcs"], indirect=True)
def test_what_is_there_is_not_written_again(store):
    """Leave for the same key twice, as after an answer that got lost."""
    first, second = store.grant(KEY, 4, 900), store.grant(KEY, 4, 900)
    assert put(first, b"abcd") == 200
    assert put(second, b"ABCD") == 412
    assert store.read(KEY).body == b"abcd"


def test_all_that_matters_is_signed(s3_client, s3_bucket):
    """Key by the path, and by name length, kind and "only if it is not there"; for a quarter of an hour."""
    upload = S3Store(s3_bucket, "some/prefix/").grant(KEY, 4, 900)
    query = parse_qs(urlsplit(upload.url).query)
    assert urlsplit(upload.url).path.endswith(f"some/prefix/{KEY}")
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host;if-none-match"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["900"]
    assert upload.headers == {"content-type": "audio/wav", "if-none-match": "*"}


def test_a_signed_url_names_the_bucket_in_its_own_region(monkeypatch):
    """The global host answers with a redirect for a bucket elsewhere, and the relay follows none."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "nobody's"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    upload = S3Store("records-of-nobody").grant(KEY, 4, 900)
    assert urlsplit(upload.url).netloc == "records-of-nobody.s3.ap-south-1.amazonaws.com"


def test_a_session_is_for_one_key_and_one_length(gcs_client, gcs_bucket, monkeypatch):
    """What Google is told when the session begins; what it then holds a sender to, its emulator does not."""
    asked = []
    send = gcs_client._http.request

    def request(method, url, **more):
        asked.append((method, url, more.get("headers") or {}))
        return send(method, url, **more)

    monkeypatch.setattr(gcs_client._http, "request", request)
    GcsStore(gcs_bucket, "", gcs_client).grant(KEY, 4, 900)
    [(method, url, headers)] = asked
    query = parse_qs(urlsplit(url).query)
    assert (method, query["uploadType"], query["ifGenerationMatch"]) == ("POST", ["resumable"], ["0"])
    lower = {name.lower(): value for name, value in headers.items()}
    assert (lower["x-upload-content-length"], lower["x-upload-content-type"]) == ("4", "audio/wav")
