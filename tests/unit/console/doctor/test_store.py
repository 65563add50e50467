"""The store's checks against the stores there are, and against one that only looks like one."""

import threading
from functools import partial
from http.server import ThreadingHTTPServer

import pytest
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from console.doctor.store import CHECKS, look
from functions.common.store import open_store


@pytest.fixture
def careless_bucket(monkeypatch):
    """The emulator as it comes: it takes `ifGenerationMatch` and ignores it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(RequestHandler, Storage(use_memory_fs=True)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    storage.Client(project="test", credentials=AnonymousCredentials()).create_bucket("records")
    yield "records"
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_store_there_is_passes_and_nothing_is_left_behind(place):
    store_url, _ = place
    store = open_store(store_url)
    store.create("logs/c1.json", b'{"schema": 1}')
    findings = list(look(store_url))
    assert [(one.check, one.verdict.value) for one in findings] == [(check, "pass") for check in CHECKS]
    assert list(store.keys("")) == ["logs/c1.json"]


def test_a_store_that_ignores_conditions_is_found_out(careless_bucket):
    """Every test of exactly-once passed on it, one after the other, and two callers were sent to one human."""
    findings = {one.check: one for one in look(f"gs://{careless_bucket}")}
    assert findings["store.create"].verdict.value == "fail"
    assert "ifGenerationMatch" in findings["store.create"].advice


@pytest.mark.parametrize("missing", ["s3://no-such-bucket-of-mine", "gs://no-such-bucket-of-mine"])
def test_a_bucket_that_is_not_there(missing, request):
    request.getfixturevalue("s3_client" if missing.startswith("s3") else "gcs_client")
    findings = list(look(missing))
    assert [one.check for one in findings] == list(CHECKS)
    (failed,) = [
        one for one in findings if one.verdict.value == "fail"
    ]  # an emulator misses it at the first write only
    assert "no-such-bucket-of-mine" in failed.found


def test_an_unreadable_record_is_reported(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "c1.json").write_text("{")
    (finding,) = [one for one in look(f"file:{tmp_path}") if one.check == "store.layout"]
    assert (finding.verdict.value, finding.found) == ("warn", "logs/c1.json has schema unreadable, expected 1")


def test_the_tokens_of_this_machine_are_no_foreign_object(tmp_path):
    """`make run` keeps them in the folder of its store, and the doctor asked whether that was the right store."""
    (tmp_path / "secrets.json").write_text("{}")
    (finding,) = [one for one in look(f"file:{tmp_path}") if one.check == "store.layout"]
    assert (finding.verdict.value, finding.found) == ("pass", "the store holds no record yet")
