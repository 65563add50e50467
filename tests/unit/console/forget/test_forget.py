"""A person is forgotten: everywhere, whatever happens on the way, and nobody else with them.

The oracle throughout: what is left is what there would be had this person never called.
"""

import argparse
import asyncio
import gzip
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import layout
from console.__main__ import main
from console.elevenlabs.client import ApiError, Trouble
from console.export_person import command as export_person
from console.forget import command, forgetting
from console.forget.receipt import Run
from console.person.asked import e164
from console.person.find import Kind, find
from functions.common.sealed import sealing_of
from functions.common.store.folder import FolderStore
from tests.support import calls
from tests.support.memory_store import Crash, CrashingStore, MemoryStore
from tests.support.people import NUMBERS, contents, parsed, tell, told

ASHA, RAVI, JANE = NUMBERS
SIDS = ["call", "call-1", "call-1-conv_call", "call-10", "CALL", "c.all", "other"]


def forget(store, number):
    run = Run("now", "memory", find(store, number))
    forgetting.forget_here(run, store)
    return run


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(SIDS), st.sampled_from(NUMBERS), min_size=1), st.sampled_from(NUMBERS))
def test_only_the_named_callers_calls_are_removed_and_all_of_them(people, number):
    """CallSids that begin alike, and people who say each other's numbers: only whose call it was counts."""
    store = told(people, versioned=True)
    forget(store, number)
    others = told({sid: caller for sid, caller in people.items() if caller != number}, versioned=True)
    assert contents(store) == contents(others)
    assert set(store.past) == set(others.past)


PEOPLE = {"call": ASHA, "call-1": RAVI, "call-10": ASHA, "other": JANE}
WITHOUT_ASHA = contents(told({sid: number for sid, number in PEOPLE.items() if number != ASHA}))


def steps():
    store = CrashingStore(told(PEOPLE), None)
    forget(store, ASHA)
    return store.operations


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupted_run_continues_when_run_again(after):
    for dies_at in range(steps()):
        store = told(PEOPLE)
        with pytest.raises(Crash):
            forget(CrashingStore(store, dies_at, after=after), ASHA)
        forget(store, ASHA)
        assert contents(store) == WITHOUT_ASHA, dies_at


def test_a_call_without_a_record_is_found_by_its_events_and_found_again_after_a_stop():
    """A relay's event was stored, and the function died before it could fold the record."""
    people = {"call": ASHA, "other": RAVI}
    others = contents(told({"other": RAVI}))

    def store():
        made = told(people)
        for call_sid in people:
            made.purge(f"logs/{call_sid}.json")
        return made

    counting = CrashingStore(store(), None)
    forget(counting, ASHA)
    for dies_at in range(counting.operations):
        one = store()
        with pytest.raises(Crash):
            forget(CrashingStore(one, dies_at), ASHA)
        forget(one, ASHA)
        assert contents(one) == {key: body for key, body in others.items() if not key.startswith("logs/")}


def test_what_was_deleted_is_forgotten_too():
    """A bucket with versions gives back a marker, a recording's pieces and a record that ran out of its time."""
    store = told({"call": ASHA}, versioned=True)
    for key in list(store.objects):
        if key.startswith(("logs/", "recordings/", "pending/")):
            store.delete(key)
    forget(store, ASHA)
    assert list(store.ever("")) == []


def test_raw_webhooks_of_before_there_was_an_index_are_searched_for():
    store = MemoryStore()
    tell(store, "call", ASHA, indexed=False)
    tell(store, "other", RAVI, ASHA, indexed=False)
    packed = gzip.compress(json.dumps({"type": "odd", "data": {"conversation_id": "conv_call"}}).encode())
    store.create("inbox/2026/11/20/packed.json", packed)
    store.create("inbox/2026/11/20/cut.json", b'{"data": {"conversation_id": "conv_call", "transc')
    store.create("inbox/2026/11/20/cut.problem.json", b"{}")
    forget(store, ASHA)
    expected = MemoryStore()
    tell(expected, "other", RAVI, ASHA, indexed=False)
    assert contents(store) == contents(expected)


ENCRYPTED = {"RAW_BODIES": "encrypted", "RAW_BODIES_KEY": "a-key-that-nobody-has"}


@pytest.mark.parametrize("indexed", [True, False])
def test_encrypted_webhooks_go_too_and_without_an_index_by_their_key(indexed):
    store = MemoryStore()
    tell(store, "call", ASHA, indexed=indexed, **ENCRYPTED)
    tell(store, "other", RAVI, ASHA, indexed=indexed, **ENCRYPTED)
    theirs = find(store, ASHA, sealing=sealing_of(ENCRYPTED))
    assert theirs.sealed == []
    forgetting.forget_here(Run("now", "memory", theirs), store)
    assert find(store, ASHA).calls == []
    bodies = [body for key, body in contents(store).items() if key.startswith("inbox/2")]
    opened = [sealing_of(ENCRYPTED).open(key, store.objects[key]) for key in store.objects if key.startswith("inbox/2")]
    assert len(bodies) == 2
    assert all(b"conv_other" in body for body in opened)


def test_an_encrypted_webhook_of_nobody_known_is_named_and_stays_without_its_key():
    store = told({"other": RAVI})
    place = "inbox/2026/11/20/unknown.json"
    store.create(place, sealing_of(ENCRYPTED).seal(place, b'{"said": "9876543210'))
    assert (find(store, ASHA).sealed, list(find(store, ASHA).all())) == ([place], [])
    assert "set RAW_BODIES_KEY" in "\n".join(command.described(find(store, ASHA), "file:data"))
    assert find(store, ASHA, sealing=sealing_of(ENCRYPTED)).unsure == [place]


def test_what_can_not_be_read_and_holds_the_digits_is_named_and_stays():
    store = told({"other": RAVI})
    store.create("inbox/2026/11/20/broken.json", b'{"said": "9876543210')
    found = find(store, ASHA)
    assert found.unsure == ["inbox/2026/11/20/broken.json"]
    assert list(found.all()) == []
    assert "contain the number's digits" in "\n".join(command.described(found, "file:data"))


def test_a_conversation_that_nobody_could_prove_is_the_persons_it_names():
    store = MemoryStore()
    data = calls.conversation(call_sid=None, conversation_id="conv_x")
    data["conversation_initiation_client_data"] = {"dynamic_variables": {"caller_number": "098765 43210"}}
    calls.webhook_app(store).handle(calls.signed_webhook(calls.post_call(data)))
    assert find(store, RAVI).conversations == []
    assert find(store, ASHA).conversations == ["conv_x"]
    forget(store, ASHA)
    assert contents(store) == {}


def test_a_call_that_the_relay_alone_kept_is_found(tmp_path):
    """Without EVENTS_URL there are events and a record in a folder, with the number as the line gave it."""
    store = FolderStore(tmp_path / "data")
    store.create("calls/a/events/1.json", json.dumps(calls.started(call_sid="a", **{"from": "09876543210"})).encode())
    store.create("logs/a.json", json.dumps({"call_sid": "a", "from": "09876543210", "to": calls.EXOPHONE}).encode())
    assert find(store, ASHA).calls == ["a"]
    forget(store, ASHA)
    assert list(store.keys("")) == []
    assert not [path for path in (tmp_path / "data").rglob("*") if ".store" not in path.parts]


class Workspace:
    """A workspace of ElevenLabs with some conversations; `trouble` is what it answers instead."""

    def __init__(self, *conversations, trouble=None):
        self.conversations = set(conversations)
        self.trouble = trouble

    async def delete(self, conversation_id):
        if self.trouble:
            raise self.trouble
        there = conversation_id in self.conversations
        self.conversations.discard(conversation_id)
        return there


def options(store, tmp_path, **more):
    given = {
        "number": ASHA, "store": "memory", "dry_run": False, "yes": True, "keep_at_vendor": False,
        "receipt": tmp_path / "receipt.json", "env_file": tmp_path / "none",
    }  # fmt: skip
    return argparse.Namespace(**{**given, **more})


@pytest.fixture
def world(monkeypatch, tmp_path):
    """`command.run` over a store in memory and one workspace."""

    class World:
        store = told(PEOPLE)
        workspace = Workspace("conv_call", "conv_other")
        answers: list[str] = []

        def run(self, **more):
            monkeypatch.setattr(command, "opened", lambda url, read_only: self.store)
            monkeypatch.setattr(command, "INDEXES", tmp_path)
            monkeypatch.setattr(command, "workspaces", lambda environ, session: [self.workspace.delete])
            return command.run(options(self.store, tmp_path, **more), lambda _: self.answers.pop(0))

        def receipt(self):
            return (tmp_path / "receipt.json").read_text()

    return World()


def test_the_vendors_copies_go_first_and_the_receipt_says_what_went(world, capsys):
    assert world.run() == command.DONE
    assert world.workspace.conversations == {"conv_other"}
    assert contents(world.store) == WITHOUT_ASHA
    [run] = json.loads(world.receipt())["runs"]
    assert run["vendor_conversations"] == {"found": 2, "deleted": 1, "gone_already": 1}
    assert run["calls"] == 2
    assert run["removed"][Kind.RECORDS] == 2
    assert run["removed"] == run["found"]
    assert run["left"] == []
    assert len(run["keys_sha256"]) == sum(run["removed"].values()) == run["versions"]
    assert "2 calls" in capsys.readouterr().out


def test_the_words_in_the_explorers_index_go_too(world, tmp_path):
    """A contentless full-text index keeps the words of a row that was deleted."""
    for name in ("calls-1.sqlite", "calls-1.sqlite-wal", "page.json"):
        (tmp_path / name).write_text("appointment")
    world.run(dry_run=True)
    assert (tmp_path / "calls-1.sqlite").exists()
    world.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.json", "receipt.json"]


def test_the_receipt_holds_no_content(world):
    world.run()
    assert [word for word in (ASHA, ASHA[3:], "conv_call", "price", "call-10") if word in world.receipt()] == []
    assert json.loads(world.receipt())["number"] == "***3210"


def test_while_the_vendor_refuses_nothing_here_is_removed(world, capsys):
    """The sweep would fetch its conversations again, and the calls would be back."""
    before = contents(world.store)
    world.workspace.trouble = ApiError(
        Trouble.PERMISSION, "the API key has no permission for the conversation conv_call"
    )
    assert world.run() == command.LEFT
    assert contents(world.store) == before
    assert "no permission" in capsys.readouterr().out
    world.workspace.trouble = None
    assert world.run() == command.DONE
    assert contents(world.store) == WITHOUT_ASHA
    assert [run["removed"] != {} for run in json.loads(world.receipt())["runs"]] == [False, True]


def test_without_a_key_the_vendors_copies_are_named_as_left():
    run = Run("now", "memory", find(told({"call": ASHA}), ASHA))
    assert asyncio.run(forgetting.forget_at_vendor(run, [])) is False
    assert "1 conversation at ElevenLabs: set ELEVENLABS_API_KEY" in run.left[0]


def test_of_two_workspaces_the_one_that_has_it_deletes_it():
    run = Run("now", "memory", find(told({"call": ASHA}), ASHA))
    first, second = Workspace(), Workspace("conv_call")
    assert asyncio.run(forgetting.forget_at_vendor(run, [first.delete, second.delete]))
    assert (run.vendor_deleted, run.vendor_gone, second.conversations) == (1, 0, set())


def test_a_dry_run_changes_nothing(world):
    before = contents(world.store)
    assert world.run(dry_run=True) == command.DONE
    assert contents(world.store) == before
    assert world.workspace.conversations == {"conv_call", "conv_other"}


def test_forgetting_is_confirmed_by_the_last_four_digits(world):
    before = contents(world.store)
    world.answers = ["y", "3210"]
    assert world.run(yes=False) == command.LEFT
    assert contents(world.store) == before
    assert world.run(yes=False) == command.DONE
    assert contents(world.store) == WITHOUT_ASHA


def test_a_companys_own_number_is_refused(world, capsys):
    """Each of its calls is somebody else's."""
    before = contents(world.store)
    assert world.run(number="+918047100002") == command.FAILED
    assert contents(world.store) == before
    assert "was called by 3 numbers: expected a person's number" in capsys.readouterr().err


def test_what_comes_meanwhile_is_named(world, monkeypatch, capsys):
    class Late(MemoryStore):
        """A webhook arrives while the index of callers goes."""

        def purge(self, key):
            if key.startswith("callers/") and "logs/late.json" not in self.objects:
                self.objects["logs/late.json"] = b'{"from": "+919876543210"}'
                self._versions["logs/late.json"] = 1
            return super().purge(key)

    world.store = Late()
    tell(world.store, "call", ASHA)
    assert world.run() == command.LEFT
    assert "left: 1 object that came while this was at work" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "number"), [("098765 43210", ASHA), ("+44 7700 900123", JANE)])
def test_a_number_may_be_written_as_people_write_it(given, number):
    assert e164(given) == number


def test_half_a_number_is_refused():
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole phone number"):
        e164("98765")


def test_the_zip_holds_all_of_one_person_and_nothing_of_another(tmp_path, monkeypatch, capsys):
    store = told(PEOPLE)
    monkeypatch.setattr(export_person, "opened", lambda url, read_only: store)
    file = tmp_path / "asha.zip"
    given = argparse.Namespace(number=ASHA, store="memory", file=file)
    assert export_person.run(given) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    theirs = {key: body for key, body in contents(store).items() if key not in WITHOUT_ASHA}
    assert {name: body for name, body in files.items() if name not in {"README.txt", "contents.json"}} == theirs
    assert set(parsed(files["contents.json"])) == set(theirs)
    assert ASHA in files["README.txt"].decode()
    assert export_person.run(given) == 2
    assert "already exists" in capsys.readouterr().err
    assert export_person.run(argparse.Namespace(number="+919000000001", store="memory", file=tmp_path / "no.zip")) == 1
    assert not (tmp_path / "no.zip").exists()


def test_the_zip_holds_what_was_said_where_the_key_is_at_hand(tmp_path, monkeypatch, capsys):
    store = MemoryStore()
    tell(store, "call", ASHA, **ENCRYPTED)
    monkeypatch.setattr(export_person, "opened", lambda url, read_only: store)
    for key, plain in (("a-key-that-nobody-has", 2), ("another-key-of-nobody", 0)):
        monkeypatch.setenv("RAW_BODIES_KEY", key)
        file = tmp_path / f"{plain}.zip"
        assert export_person.run(argparse.Namespace(number=ASHA, store="memory", file=file)) == 0
        with zipfile.ZipFile(file) as archive:
            bodies = [archive.read(name) for name in archive.namelist() if name.startswith("inbox/2")]
        assert [b"conv_call" in body for body in bodies].count(True) == plain
        assert ("2 raw webhooks stayed encrypted" in capsys.readouterr().err) == (plain == 0)


def test_where_a_call_lies_is_known_to_the_search():
    """A folder of the store that the search does not know would keep what it holds of a person."""
    store = told({"call": ASHA})
    assert {key.split("/")[0] for key in store.objects} == {
        "audio", "callers", "calls", "conversations", "inbox", "logs", "pending", "recordings",
    }  # fmt: skip
    assert {key for _, key in find(store, ASHA).all()} == set(contents(store))
    assert layout.raw_of("x").startswith("inbox/of/")


def test_a_recording_goes_with_its_pieces_and_all_its_files():
    """A call that came back to the bot has a second file; another call's id may look like one."""
    store = told({"call": ASHA, "call-3": RAVI})
    theirs = (
        "audio/call.wav",
        "audio/call-2.wav",
        "audio/call.flac",
        "audio/call-2.flac",
        "recordings/call/stream/00000.wav",
        "pending/recordings/call/x.json",
    )
    others = (
        "audio/call-3.wav",
        "audio/call-3.flac",
        "recordings/call-3/stream/00000.wav",
        "pending/recordings/call-3/x.json",
    )
    for key in theirs + others:
        store.create(key, b"sound")
    forget(store, ASHA)
    left = {key for key in store.objects if "call" in key and key in {*theirs, *others}}
    assert left == set(others)


def test_the_forget_command_as_typed_in_a_shell(tmp_path, capsys):
    store = FolderStore(tmp_path / "data")
    tell(store, "call", ASHA)
    tell(store, "other", RAVI, ASHA)
    common = ["--store", f"file:{tmp_path / 'data'}"]
    before = list(store.keys(""))
    assert main(["forget", "098765-43210", *common, "--dry-run", "--env-file", str(tmp_path / "none")]) == command.DONE
    said = capsys.readouterr().out
    assert "1 call\n" in said
    assert "1 conversation at ElevenLabs" in said
    assert list(store.keys("")) == before
    assert main(["export-person", ASHA, *common, "--file", str(tmp_path / "asha.zip")]) == 0
    assert "1 call, " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["forget", "98765", *common])
    assert "expected a whole phone number" in capsys.readouterr().err
    assert main(["forget", ASHA, "--store", "nowhere"]) == command.FAILED
    assert "--store 'nowhere': expected file:DIR" in capsys.readouterr().err
    assert main(["forget", ASHA, "--yes", "--store", f"file:{tmp_path / 'typo'}"]) == command.FAILED
    assert "there is no such folder" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
