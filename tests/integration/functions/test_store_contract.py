"""The store's contract, held against all three. Everything exactly-once rests on these lines."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.common.store import StoreError
from functions.common.store.folder import FolderStore
from functions.common.store.gcs import GcsStore
from functions.common.store.s3 import S3Store


def test_reads_what_was_created(store):
    assert store.create("logs/a.json", b"one")
    assert store.read("logs/a.json").body == b"one"


def test_reads_nothing_where_nothing_is(store):
    assert store.read("logs/none.json") is None


def test_reads_many_in_the_order_asked(store):
    for number in range(12):
        store.create(f"k/{number}", str(number).encode())
    found = store.read_all(["k/11", "k/none", *(f"k/{number}" for number in range(11))])
    assert [stored and stored.body for stored in found] == [
        b"11",
        None,
        *(str(number).encode() for number in range(11)),
    ]
    assert store.read_all([]) == []


def test_creates_only_once(store):
    assert store.create("k/a", b"first")
    assert not store.create("k/a", b"second")
    assert store.read("k/a").body == b"first"


def test_swaps_only_the_version_it_read(store):
    store.create("k/a", b"one")
    version = store.read("k/a").version
    assert store.swap("k/a", b"two", version)
    assert not store.swap("k/a", b"three", version)
    assert store.read("k/a").body == b"two"


def test_does_not_swap_what_is_gone(store):
    store.create("k/a", b"one")
    version = store.read("k/a").version
    store.delete("k/a")
    assert not store.swap("k/a", b"two", version)
    assert store.read("k/a") is None


def test_deletes_and_lets_delete_again(store):
    store.create("pending/a", b"")
    store.delete("pending/a")
    store.delete("pending/a")
    assert store.read("pending/a") is None
    assert store.create("pending/a", b"again")


def test_lists_a_prefix_in_order(store):
    for key in ("calls/b/events/2", "calls/b/events/1", "calls/bc/x", "logs/b.json", "calls/a/z"):
        store.create(key, b"x")
    assert list(store.keys("calls/b/")) == ["calls/b/events/1", "calls/b/events/2"]
    assert list(store.keys("calls/b")) == ["calls/b/events/1", "calls/b/events/2", "calls/bc/x"]
    assert list(store.keys("nothing/")) == []


def test_keeps_every_byte(store):
    body = bytes(range(256)) * 40
    store.create("inbox/raw", body)
    assert store.read("inbox/raw").body == body


def test_keeps_an_empty_body(store):
    assert store.create("pending/empty", b"")
    assert store.read("pending/empty").body == b""


def test_keeps_ten_megabytes(store):
    body = b"\x00\xff" * 5_000_000
    assert store.create("audio/a.mp3", body)
    assert not store.create("audio/a.mp3", b"other")
    assert store.read("audio/a.mp3").body == body


def test_one_of_many_racing_creators_wins(store):
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.create("k/race", str(number).encode()), range(16)))
    assert won.count(True) == 1
    assert store.read("k/race").body == str(won.index(True)).encode()


def test_no_increment_is_lost_among_racing_swappers(store):
    store.create("k/count", b"0")

    def increment(_: int) -> None:
        while True:
            stored = store.read("k/count")
            if store.swap("k/count", str(int(stored.body) + 1).encode(), stored.version):
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(20)))
    assert store.read("k/count").body == b"20"


def test_a_missing_bucket_is_named(s3_client):
    with pytest.raises(StoreError, match="s3://no-such-bucket-here: there is no such bucket"):
        S3Store("no-such-bucket-here").create("k/a", b"")


def test_a_missing_bucket_is_named_by_gcs(gcs_client):
    with pytest.raises(StoreError, match="gs://no-such-bucket-here: there is no such bucket"):
        GcsStore("no-such-bucket-here", "", gcs_client).create("k/a", b"")


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file:.*file.*a folder we may write"):
        FolderStore(tmp_path / "file")


@pytest.mark.parametrize("key", ["../escape", "a/../../b", "/absolute", "a//b", ".store/lock-1", "calls/./x"])
def test_a_folder_is_not_left(tmp_path, key):
    with pytest.raises(StoreError):
        FolderStore(tmp_path).create(key, b"")


def test_a_folder_is_shared_by_processes(tmp_path):
    """Locks and links are the operating system's: a second store over the same folder sees and respects the first."""
    one, two = FolderStore(tmp_path), FolderStore(tmp_path)
    one.create("k/a", b"one")
    version = two.read("k/a").version
    assert one.swap("k/a", b"two", version)
    assert not two.swap("k/a", b"three", version)
