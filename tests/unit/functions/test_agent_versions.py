"""Versions of the agents' file in a store: pushes, rollbacks, two people at once, a death in between."""

import json

import pytest

from common.agent_version import LARGEST_FILE, VersionError
from functions.common.agent_versions import LONGEST_NOTE, MOVES_KEPT, AgentVersions, ForestalledError
from functions.common.store import StoreError
from tests.support.calls import Clock
from tests.support.memory_store import MemoryStore

A, B, C = (f'[agents.a]\nid = "{name}"\n' for name in "abc")
SOUND = {"sounds/room.wav": b"a room"}


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def versions(store):
    return AgentVersions(store, Clock())


def push(versions, text, files=None, by="asha", **more):
    return versions.push(text, files or {}, by=by, note="", **{"after": versions.pointer(), **more})


def test_nothing_has_been_pushed(versions):
    assert (versions.pointer(), versions.current(), versions.current_name()) == (None, None, "")


def test_what_was_pushed_last_counts_and_everything_stays(versions):
    first, second = push(versions, A, SOUND), push(versions, B)
    assert (first.number, second.number) == (1, 2)
    assert versions.current() == second
    assert versions.version(1) == first
    assert versions.content(first.files["sounds/room.wav"].sha256) == b"a room"


def test_history_names_who_when_and_why(versions):
    one = versions.push(A, {}, by="asha", note="more polite", after=None)
    push(versions, B, by="ravi")
    versions.move(one, by="asha", note="B was rude", after=versions.pointer())
    moves = versions.pointer().moves
    assert [(move.version, move.by, move.note) for move in moves] == [
        (one.name, "asha", "more polite"),
        (versions.version(2).name, "ravi", ""),
        (one.name, "asha", "B was rude"),
    ]
    assert {move.at for move in moves} == {"2026-11-23T10:00:00.000Z"}
    assert versions.current() == one


def test_of_two_concurrent_changes_one_is_told_about_the_other(versions):
    push(versions, A)
    both = versions.pointer()
    ravi = push(versions, B, by="ravi", after=both)
    with pytest.raises(ForestalledError, match=rf"version {ravi.name}, by ravi at 2026"):
        push(versions, C, after=both)
    assert versions.current() == ravi


def test_of_two_concurrent_first_pushes_one_is_told_about_the_other(versions):
    first = push(versions, A, by="ravi", after=None)
    with pytest.raises(ForestalledError, match="by ravi"):
        push(versions, B, after=None)
    assert versions.current() == first


def test_a_crash_between_upload_and_move_changes_nothing_and_uses_up_the_number(versions, store, monkeypatch):
    before = push(versions, A)
    with monkeypatch.context() as patched:
        patched.setattr(store, "swap", lambda *_: (_ for _ in ()).throw(StoreError("gone")))
        with pytest.raises(StoreError):
            push(versions, B)
    assert versions.current() == before
    assert push(versions, C).number == 3


def test_a_store_that_reports_a_conflict_with_its_own_retry_is_not_believed(versions, store, monkeypatch):
    """S3's client repeats a request whose answer was lost, and is then told that the key is there."""
    create, swap = store.create, store.swap
    monkeypatch.setattr(store, "create", lambda *a: create(*a) and False)
    monkeypatch.setattr(store, "swap", lambda *a: swap(*a) and False)
    assert push(versions, A).number == 1
    assert push(versions, B) == versions.current()


def test_the_seed_counts_until_somebody_pushes(versions, store):
    store.create("config/agents/seed.toml", b"\xef\xbb\xbf" + A.encode())
    seed = versions.current()
    assert (seed.number, seed.text, seed.by) == (0, A, "Terraform")
    assert versions.current_name() == seed.name
    pushed = push(versions, B)
    assert versions.current() == pushed
    versions.move(seed, by="asha", note="", after=versions.pointer())
    assert versions.current() == seed


def test_moves_and_notes_have_a_bound(versions):
    one = push(versions, A)
    for _ in range(MOVES_KEPT):
        versions.move(one, by="asha", note="x" * 10_000, after=versions.pointer())
    moves = versions.pointer().moves
    assert len(moves) == MOVES_KEPT
    assert len(moves[-1].note) == LONGEST_NOTE


def test_what_is_too_large_leaves_nothing_behind(versions, store):
    with pytest.raises(VersionError, match="expected 1 to"):
        push(versions, A, {"a.wav": bytes(LARGEST_FILE + 1)})
    assert store.objects == {}


def test_numbers_go_on_beyond_nine(versions):
    for number in range(1, 12):
        assert push(versions, f"{A}# {number}").number == number


@pytest.mark.parametrize(
    ("key", "body", "problem"),
    [
        ("config/agents/current.json", b"{}", "expected at least one move"),
        ("config/agents/current.json", b"nonsense", "not JSON"),
        ("config/agents/versions/000000001.json", b"{}", "expected a number"),
        ("config/agents/seed.toml", b"\xff", "expected a text in UTF-8"),
    ],
)
def test_what_cant_be_read_is_named(versions, store, key, body, problem):
    store.create(key, body)
    with pytest.raises(StoreError, match=f"{key}: .*{problem}"):
        versions.version(1) if "versions" in key else versions.current()


def test_a_missing_current_version_is_an_error_and_agents_stay(versions, store):
    push(versions, A)
    pointer = json.loads(store.objects["config/agents/current.json"])
    del store.objects["config/agents/versions/000000001.json"]
    with pytest.raises(
        StoreError, match=f"version {pointer['version']} of the agents is the current one, but it is not in the store"
    ):
        versions.current()
