"""The journal: what is in it is on disk, and reads the same after any death."""

import json
import os

import pytest

from console.call_out.journal import JournalError, State, open_journal, read_journal

ASHA, RAVI = "+919876500001", "+919876500002"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.csv.calls.jsonl"


def fill(path):
    with open_journal(path) as journal:
        journal.intend(ASHA, "m1", at=1000, time_limit_s=600)
        journal.note("m1", "placed", at=1001, call_sid="sid-1")
        journal.note("m1", "ended", at=1060, outcome="answered", duration_s=40)
        journal.intend(RAVI, "m2", at=1002, time_limit_s=0)


def test_the_journal_keeps_each_numbers_story(path):
    fill(path)
    with open_journal(path) as journal:
        assert journal.story(ASHA).state is State.ENDED
        assert (journal.story(ASHA).outcome, journal.story(ASHA).duration_s) == ("answered", 40)
        assert journal.story(RAVI).state is State.UNKNOWN
        assert journal.story(RAVI).intended_at == 1002
        assert journal.story("+919876500003").state is State.NEW
        journal.note("m2", "not_placed", at=1003, why="429")
        assert journal.story(RAVI).state is State.NEW
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_every_line_is_on_disk_before_the_next_step(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(path.read_bytes() if path.exists() else b""))
    with open_journal(path) as journal:
        synced.clear()
        journal.intend(ASHA, "m1", at=1000, time_limit_s=0)
        assert [b'"intent"' in text for text in synced] == [True]


def test_cut_anywhere_it_never_forgets_an_intent_that_was_acted_upon(path):
    """A machine dies in the middle of a write: the torn line is dropped, everything before it holds."""
    fill(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        complete = [json.loads(line)["what"] for line in whole[:length].split(b"\n")[:-1]]
        with open_journal(path) as journal:
            expected = [State.NEW, State.UNKNOWN, State.PLACED, State.ENDED, State.ENDED][len(complete)]
            assert journal.story(ASHA).state is expected
            journal.intend("+919876500009", "m9", at=2000, time_limit_s=0)
        with open_journal(path) as journal:
            assert journal.story("+919876500009").state is State.UNKNOWN


def test_a_second_process_is_refused(path):
    with open_journal(path):
        with pytest.raises(JournalError, match="in use by another process"), open_journal(path):
            pass
        assert read_journal(path).story(ASHA).state is State.NEW  # looking is allowed
    with open_journal(path):
        pass


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        '{"what": "placed", "mark": "m7", "call_sid": "x"}',
        '{"what": "intent"}',
        "[]",
        '{"what":"odd","mark":"m1"}',
    ],
)
def test_a_file_that_is_not_a_journal_is_named_with_its_line(path, line):
    fill(path)
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(JournalError, match="line 5, is not a journal entry"), open_journal(path):
        pass


def test_after_half_a_line_nothing_more_is_written(path, monkeypatch):
    """A full disk takes half a line; a whole one behind it would be read as part of it."""
    with open_journal(path) as journal:
        journal.intend(ASHA, "m1", at=1000, time_limit_s=0)
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:10]))
        with pytest.raises(OSError, match="only part of a line"):
            journal.note("m1", "placed", at=1001, call_sid="sid-1")
        monkeypatch.undo()
        with pytest.raises(JournalError, match="could not be written: nothing more"):
            journal.intend(RAVI, "m2", at=1002, time_limit_s=0)
        assert journal.story(RAVI).state is State.NEW
    with open_journal(path) as journal:
        assert journal.story(ASHA).state is State.UNKNOWN


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(JournalError, match="can't be opened: No such file"), open_journal(tmp_path / "no" / "x"):
        pass


def test_without_a_file_it_is_kept_in_memory():
    with open_journal(None) as journal:
        journal.intend(ASHA, "m1", at=1000, time_limit_s=0)
        assert journal.story(ASHA).state is State.UNKNOWN
