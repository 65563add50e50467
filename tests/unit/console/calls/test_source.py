"""Reading records where they lie: a folder, S3, Cloud Storage; nothing is written to any of them."""

import os
import time
import uuid

import pytest

from console.calls.command import latest_store
from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.source import open_source
from functions.common.store import StoreError, open_store
from tests.support.many_calls import records

BODIES = {f"logs/{number}.json": f'{{"turns": [], "number": {number}}}'.encode() for number in range(3)}


@pytest.fixture
def written(place):
    """(url, put) of an empty store of each kind."""
    url, _ = place
    store = open_store(url)

    def put(key, body):
        if not store.create(key, body):
            assert store.swap(key, body, store.read(key).version)

    return url, put


def test_lists_reads_and_tells_what_changed(written):
    url, put = written
    for key, body in BODIES.items():
        put(key, body)
    put("audio/1.mp3", b"sound")
    source = open_source(url)
    assert source.name == url
    before = dict(source.versions("logs/"))
    assert set(before) == set(BODIES)
    stamps = list(source.stamps("logs/"))
    assert [key for key, _ in stamps] == sorted(BODIES)
    assert all(abs(written - time.time()) < 300 for _, written in stamps)
    assert source.read("logs/1.json") == BODIES["logs/1.json"]
    assert source.read("logs/none.json") is None
    put("logs/1.json", b'{"turns": [], "longer": true}')
    after = dict(source.versions("logs/"))
    assert {key for key in after if after[key] != before[key]} == {"logs/1.json"}


def test_a_bucket_that_is_not_there_is_named(s3_client, gcs_client, tmp_path):
    for url in (f"s3://no-such-{uuid.uuid4().hex}", f"gs://no-such-{uuid.uuid4().hex}"):
        source = open_source(url)
        with pytest.raises(StoreError, match="no such bucket"):
            list(source.versions("logs/"))
        refresh = Refresh(source, Index(url, tmp_path))
        assert refresh.run() == 0
        assert "no such bucket" in refresh.status()["error"]


@pytest.mark.parametrize("url", ["", "data", "ftp://x", "s3:bucket", "s3://", "file:"])
def test_an_unknown_store_is_refused_with_the_known_forms(url):
    with pytest.raises(ValueError, match="expected file:DIR, s3://BUCKET/PREFIX"):
        open_source(url)


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(StoreError, match="there is no such folder. A first call makes one"):
        open_source(f"file:{tmp_path / 'nowhere'}")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_will_do(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json").write_text("{}")
    os.chmod(tmp_path, 0o500)
    assert dict(open_source(f"file:{tmp_path}").versions("logs/")).keys() == {"logs/a.json"}
    os.chmod(tmp_path, 0o700)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_keys_do_not_lead_out_of_the_folder(tmp_path):
    with pytest.raises(StoreError, match="is not a key"):
        open_source(f"file:{tmp_path}").read("../private.txt")


def test_only_what_is_new_or_has_changed_is_read(tmp_path):
    """The second run over a hundred thousand records costs a listing, not a hundred thousand reads."""
    import json

    store = tmp_path / "store" / "logs"
    store.mkdir(parents=True)
    kept = list(records(5))
    for one in kept:
        (store / f"{one['call_sid']}.json").write_text(json.dumps(one))
    (store / "notes.txt").write_text("not a record")
    source = open_source(f"file:{tmp_path / 'store'}")
    refresh = Refresh(source, Index(source.name, tmp_path / "index"))
    assert refresh.run() == 5
    assert refresh.run() == 0
    kept[0]["end_reason"] = "time_limit"
    (store / f"{kept[0]['call_sid']}.json").write_text(json.dumps(kept[0]))
    (store / f"{kept[1]['call_sid']}.json").unlink()
    assert refresh.run() == 1
    with refresh.index.reading() as connection:
        found = dict(connection.execute("SELECT call_sid, end_reason FROM calls").fetchall())
    assert found.keys() == {one["call_sid"] for one in kept} - {kept[1]["call_sid"]}
    assert found[kept[0]["call_sid"]] == "time_limit"


def test_without_a_store_the_last_call_of_this_machine_is_looked_at(tmp_path):
    """After `make demo`, `make calls` reported an empty data/ and advised `make demo`."""
    assert latest_store(tmp_path) == f"file:{tmp_path / 'data'}"
    for place, at in (("data", 1000), ("out/reception/data", 3000), ("out/failover/data", 2000)):
        logs = tmp_path / place / "logs"
        logs.mkdir(parents=True)
        (logs / "a.json").write_text("{}")
        os.utime(logs / "a.json", (at, at))
    assert latest_store(tmp_path) == f"file:{tmp_path / 'out/reception/data'}"
    os.utime(tmp_path / "data/logs/a.json", (4000, 4000))
    assert latest_store(tmp_path) == f"file:{tmp_path / 'data'}"
