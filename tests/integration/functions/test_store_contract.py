"""The store's contract, held against all three. Everything exactly-once rests on these lines."""

import contextlib
import os
import threading
import time
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


def test_many_threads_may_use_one_store(store):
    """As the functions do: a request a thread, over one client."""

    def use(number: int) -> bool:
        key, body = f"calls/{number}/events/a", str(number).encode() * 100
        assert store.create(key, body)
        stored = store.read(key)
        assert store.swap(key, body + b"!", stored.version)
        assert list(store.keys(f"calls/{number}/")) == [key]
        return store.read(key).body == body + b"!"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(24)))


def test_two_contents_never_share_a_version(store):
    """ABA: the same content may have its old version again, and a swap then succeeds; another content never has."""
    store.create("logs/a", b"A")
    first = store.read("logs/a").version
    assert store.swap("logs/a", b"B", first)
    second = store.read("logs/a").version
    assert second != first
    assert not store.swap("logs/a", b"C", first)
    assert store.swap("logs/a", b"A", second)
    assert not store.swap("logs/a", b"C", second)
    swapped = store.swap("logs/a", b"C", first)
    assert store.read("logs/a").body == (b"C" if swapped else b"A")


def test_a_listing_has_what_is_there_all_the_time_while_others_write(store):
    stay = [f"calls/c/events/{number:02}" for number in range(20)]
    for key in stay:
        store.create(key, b"x")
    stop = threading.Event()

    def come_and_go() -> None:
        number = 0
        while not stop.is_set():
            store.create(f"calls/c/events/{number:02}x", b"y")
            store.delete(f"calls/c/events/{number:02}x")
            number = (number + 1) % 20

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(come_and_go) for _ in range(2)]
        listings = [list(store.keys("calls/c/")) for _ in range(8)]
        stop.set()
        for one in busy:
            one.result()
    for listed in listings:
        assert listed == sorted(set(listed))
        assert set(stay) <= set(listed)


@pytest.mark.parametrize("name", ["A", "a", "0", "-", "_", "a.b", ".hidden", "..x", "x.", ".store", "a-._Z", "n" * 128])
def test_every_id_can_be_a_part_of_a_key(store, name):
    keys = [f"calls/{name}/events/{name}.json", f"logs/{name}.json", f"conversations/{name}/call"]
    for key in keys:
        assert store.create(key, name.encode())
    assert [store.read(key).body for key in keys] == [name.encode()] * 3
    assert list(store.keys(f"calls/{name}/")) == keys[:1]
    assert list(store.keys("logs/")) == keys[1:2]


def test_keys_differ_by_case(store):
    assert store.create("logs/Abc", b"upper")
    assert store.create("logs/aBC", b"lower")
    assert [store.read(key).body for key in store.keys("logs/")] == [b"upper", b"lower"]


def test_versions_are_the_keys_with_what_tells_a_change(store):
    for key in ("logs/b", "logs/a", "logs/c", "other/a"):
        store.create(key, b"one")
    before = {listed.key: listed.version for listed in store.versions("logs/")}
    assert [listed.key for listed in store.versions("logs/")] == ["logs/a", "logs/b", "logs/c"]
    assert all(abs(listed.written_at - time.time()) < 3600 for listed in store.versions("logs/"))
    assert store.swap("logs/b", b"two", store.read("logs/b").version)
    after = {listed.key: listed.version for listed in store.versions("logs/")}
    assert {key for key in after if after[key] != before[key]} == {"logs/b"}


@pytest.mark.parametrize("operation", ["os.link", "os.fsync", "os.replace"])
def test_a_writer_that_dies_leaves_a_key_whole_or_not_there(tmp_path, monkeypatch, operation):
    """Within `create` or `swap` of the folder; what the clouds do is one request."""
    store = FolderStore(tmp_path)
    store.create("k/kept", b"old")
    version = store.read("k/kept").version

    class Death(BaseException):
        pass

    def die(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(f"functions.common.store.folder.{operation}", die)
        for write in (lambda: store.create("k/new", b"new"), lambda: store.swap("k/kept", b"new", version)):
            with contextlib.suppress(Death):
                write()
    assert store.read("k/kept").body in {b"old", b"new"}
    assert store.read("k/new") is None or store.read("k/new").body == b"new"
    assert store.create("k/after", b"x")
    assert set(store.keys("")) <= {"k/after", "k/kept", "k/new"}


def test_a_store_for_reading_only_is_neither_made_nor_written(tmp_path):
    with pytest.raises(StoreError, match="there is no such folder"):
        FolderStore(tmp_path / "nowhere", read_only=True)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_bytes(b"x")
    store = FolderStore(tmp_path, read_only=True)
    assert [listed.key for listed in store.versions("")] == ["logs/a"]
    for write in (
        lambda: store.create("logs/b", b""),
        lambda: store.swap("logs/a", b"", store.read("logs/a").version),
        lambda: store.delete("logs/a"),
    ):
        with pytest.raises(StoreError, match="for reading only"):
            write()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "logs"]


def test_a_missing_bucket_is_named(s3_client):
    with pytest.raises(StoreError, match="s3://no-such-bucket-here: there is no such bucket"):
        S3Store("no-such-bucket-here").create("k/a", b"")


def test_a_missing_bucket_is_named_by_gcs(gcs_client):
    with pytest.raises(StoreError, match="gs://no-such-bucket-here: there is no such bucket"):
        GcsStore("no-such-bucket-here", "", gcs_client).create("k/a", b"")


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file:.*file.*a writable folder"):
        FolderStore(tmp_path / "file")


@pytest.mark.parametrize("key", ["../escape", "a/../../b", "/absolute", "a//b", ".store/lock-1", "calls/./x", ".store"])
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


def test_what_a_folder_says_is_written_is_on_the_disk(tmp_path, monkeypatch):
    """The bytes before the name, and the name before the answer: a power cut must not leave an empty record."""
    store, done = FolderStore(tmp_path), []
    for name in ("fsync", "link", "replace"):
        real = getattr(os, name)

        def spy(*arguments, name=name, real=real):
            done.append(name)
            return real(*arguments)

        monkeypatch.setattr(f"functions.common.store.folder.os.{name}", spy)
    store.create("k/a", b"one")
    store.swap("k/a", b"two", store.read("k/a").version)
    assert done == ["fsync", "link", "fsync", "fsync", "replace", "fsync"]


def test_a_key_is_purged_and_its_neighbours_are_not(store):
    for key in ("audio/a.mp3", "audio/a.mp3x", "audio/ab.mp3"):
        store.create(key, b"sound")
    assert list(store.ever("audio/a")) == ["audio/a.mp3", "audio/a.mp3x", "audio/ab.mp3"]
    assert store.newest("audio/a.mp3") == b"sound"
    assert store.purge("audio/a.mp3") == 1
    assert store.purge("audio/a.mp3") == 0
    assert store.newest("audio/a.mp3") is None
    assert list(store.ever("audio/")) == ["audio/a.mp3x", "audio/ab.mp3"]


def test_a_bucket_with_versions_keeps_nothing_of_a_purged_key(s3_client, s3_bucket):
    """Deleted, replaced, deleted again: each leaves an old version that somebody with the rights could restore."""
    s3_client.put_bucket_versioning(Bucket=s3_bucket, VersioningConfiguration={"Status": "Enabled"})
    store = S3Store(s3_bucket, "p/")
    store.create("logs/a.json", b"one")
    store.swap("logs/a.json", b"two", store.read("logs/a.json").version)
    store.create("pending/a", b"marker")
    store.delete("pending/a")
    store.create("logs/ab.json", b"another call's")
    assert list(store.ever("pending/")) == ["pending/a"]
    assert store.newest("pending/a") == b"marker"
    assert store.purge("pending/a") == 1
    assert store.purge("logs/a.json") == 2
    left = s3_client.list_object_versions(Bucket=s3_bucket)
    assert [item["Key"] for item in left["Versions"]] == ["p/logs/ab.json"]
    assert "DeleteMarkers" not in left


def test_folders_named_after_somebody_go_with_the_last_key(tmp_path):
    store = FolderStore(tmp_path / "data")
    store.create("callers/hash-of-a-number/20261129/call.json", b"{}")
    store.create("callers/other/20261129/call.json", b"{}")
    store.purge("callers/hash-of-a-number/20261129/call.json")
    assert sorted(path.name for path in (tmp_path / "data" / "callers").iterdir()) == ["other"]


def large(blocks: int):
    """Parts of three quarters of a megabyte, no two alike."""
    return (bytes([number]) * (768 * 1024 + number) for number in range(blocks))


@pytest.mark.parametrize("blocks", [1, 24])
def test_keeps_every_byte_of_what_comes_in_parts(store, blocks):
    """24 of them are more than one block of an upload, and the last block is a small one."""
    assert store.create_large("audio/a.wav", large(blocks))
    assert b"".join(store.read_large("audio/a.wav")) == b"".join(large(blocks))
    assert store.read_large("audio/none.wav") is None


@pytest.mark.parametrize("blocks", [1, 24])
def test_creates_only_once_what_comes_in_parts(store, blocks):
    store.create("audio/a.wav", b"first")
    assert not store.create_large("audio/a.wav", large(blocks))
    assert store.read("audio/a.wav").body == b"first"


@pytest.mark.parametrize("blocks", [1, 24])
def test_half_of_what_comes_in_parts_is_nothing(store, blocks):
    def broken():
        yield from large(blocks)
        raise RuntimeError("a piece can't be read")

    with pytest.raises(RuntimeError):
        store.create_large("audio/a.wav", broken())
    assert store.read("audio/a.wav") is None
    assert list(store.keys("audio/")) == []
