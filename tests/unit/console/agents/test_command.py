"""`console agents`: what is asked, what is said, and what is left alone."""

import sys

import pytest

from console.__main__ import main
from functions.common.agent_versions import AgentVersions
from functions.common.relays_seen import Seen, note
from functions.common.store.folder import FolderStore

ONE = '[agents.a]\nvendor = "echo"\n'
TWO = '[agents.a]\nvendor = "echo"\nambience = "office"\n'


class Desk:
    """A folder of somebody's, and a store."""

    def __init__(self, folder, monkeypatch, capsys):
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch
        self.store = FolderStore(folder / "store")
        self.versions = AgentVersions(self.store)
        monkeypatch.chdir(folder)

    def file(self, text):
        (self.folder / "agents.toml").write_text(text)

    def run(self, *arguments, answer=None):
        """Status, what was said, and what was complained of. `answer`: of a person at a terminal."""
        self._monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None, raising=False)
        self._monkeypatch.setattr("builtins.input", lambda question: sys.stdout.write(f"{question}\n") and answer)
        status = main(["agents", *arguments, "--store", f"file:{self.folder}/store"])
        printed = self._capsys.readouterr()
        return status, printed.out, printed.err

    def push(self, text, *arguments, **more):
        self.file(text)
        return self.run("push", "--by", "asha", *arguments, **more)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    return Desk(tmp_path, monkeypatch, capsys)


def test_a_push_shows_what_changes_and_asks(desk):
    status, said, _ = desk.push(ONE, answer="y")
    assert status == 0
    assert said.splitlines()[:2] == ["--- nothing", "+++ agents.toml"]
    assert "Push it? [y/N]" in said
    assert desk.versions.current().text == ONE
    status, said, _ = desk.push(TWO, "--note", "an office", answer="n")
    assert status == 1
    assert '+ambience = "office"' in said
    assert desk.versions.current().text == ONE, "the answer was no"


def test_where_nobody_can_be_asked_nothing_is_done(desk):
    status, _, complaint = desk.push(ONE)
    assert (status, complaint) == (2, "agents: Push it? There is no terminal to ask on: give --yes\n")
    assert desk.versions.current() is None


def test_what_is_the_same_is_not_pushed_again(desk):
    desk.push(ONE, "--yes")
    status, said, _ = desk.push(ONE, "--yes")
    assert status == 0
    assert said.startswith(f"Version {desk.versions.current_name()} is the current one, with the same content.")
    assert desk.versions.version(2) is None


def test_what_a_relay_would_refuse_is_not_pushed(desk):
    status, said, complaint = desk.push('[agents.a]\nvendor = "nobody"\n', "--yes")
    assert (status, said) == (2, "")
    assert complaint.startswith("agents: AGENTS_FILE='the agents' file': expected agents.a.vendor to be one of")
    assert desk.versions.current() is None


def test_a_push_that_was_overtaken_names_the_other_person(desk):
    desk.push(ONE, "--yes")

    class Slow(str):
        def strip(self):
            desk.versions.push("[agents.b]", {}, by="ravi", note="", after=desk.versions.pointer())
            return "y"

    status, _, complaint = desk.push(TWO, answer=Slow())
    assert status == 1
    assert complaint.startswith("agents: another version came first: version 2-")
    assert "by ravi" in complaint
    assert desk.versions.current().by == "ravi"


def test_a_relay_that_refuses_it_is_a_failure(desk):
    desk.push(ONE, "--yes")
    note(desk.store, Seen("r-1", "1-0", "", "", 30.0, 4e9))
    status, said, _ = desk.push(TWO, "--yes", "--wait", "0.1")
    assert status == 1
    assert "r-1 has not switched to it after 0.1 s" in said
    assert desk.push(TWO, "--yes", "--wait", "0")[0] == 0


def test_history_and_rollback(desk):
    desk.push(ONE, "--yes", "--note", "the first")
    desk.push(TWO, "--yes")
    one, two = desk.versions.version(1).name, desk.versions.version(2).name
    status, said, _ = desk.run("rollback", "--by", "ravi", answer="y")
    assert status == 0
    assert '-ambience = "office"' in said
    assert f"Roll back to version {one}? [y/N]" in said
    status, said, _ = desk.run("history")
    assert [line[0] for line in said.splitlines()] == ["→", " ", " "]
    assert [line[2:].split("  ")[1:] for line in said.splitlines()] == [
        [one, "ravi", f"rolled back from {two}"],
        [two, "asha"],
        [one, "asha", "the first"],
    ]
    assert desk.run("rollback", "2", "--yes")[0] == 0
    assert desk.versions.current_name() == two
    assert desk.run("rollback", two, "--yes")[1].startswith(f"Version {two} is already the current one.")


@pytest.mark.parametrize("version", ["9", "x", "1-000000000000"])
def test_a_version_that_is_not_there_is_none_to_go_back_to(desk, version):
    desk.push(ONE, "--yes")
    status, _, complaint = desk.run("rollback", version, "--yes")
    assert (status, complaint) == (2, f"agents: there is no version {version}: see make agents-history\n")


def test_before_the_first_push_there_is_nothing_to_go_back_from_or_to_pull(desk):
    assert desk.run("rollback", "--yes")[2] == "agents: nothing has been pushed, so there is nothing to roll back\n"
    assert desk.run("pull")[2].startswith("agents: nothing has been pushed: relays use their own")
    assert desk.run("history")[1].startswith("Nothing has been pushed")
    desk.push(ONE, "--yes")
    assert desk.run("rollback", "--yes")[2].startswith("agents: there is no version before 1-")


def test_pull_writes_the_file_and_its_sounds_and_overwrites_nothing_unasked(desk):
    pushed = desk.versions.push(ONE, {"sounds/room.wav": b"a room"}, by="asha", note="", after=None)
    assert desk.run("pull")[0] == 0
    assert (desk.folder / "agents.toml").read_text() == ONE
    assert (desk.folder / "sounds/room.wav").read_bytes() == b"a room"
    desk.file(TWO)
    status, said, _ = desk.run("pull", answer="n")
    assert (status, said) == (1, "Overwrite agents.toml? [y/N] \n")
    assert (desk.folder / "agents.toml").read_text() == TWO
    status, said, _ = desk.run("pull", "other.toml", "--version", "1")
    assert (status, said) == (0, f"Version {pushed.name} is in other.toml, sounds/room.wav.\n")


@pytest.mark.parametrize("name", ["../outside.wav", "/tmp/outside.wav", "a/../../outside.wav", "..\\outside.wav"])
def test_a_sound_whose_name_leads_outside_is_not_written(desk, name):
    """What lies in the bucket may be anybody's who can write there."""
    desk.versions.push(ONE, {name: b"x"}, by="asha", note="", after=None)
    status, _, complaint = desk.run("pull", "--yes")
    assert status == 2
    assert "which would be outside this folder" in complaint
    assert not (desk.folder / "agents.toml").exists()


def test_history_tells_of_the_seed_and_of_relays(desk):
    desk.store.create("config/agents/seed.toml", ONE.encode())
    note(desk.store, Seen("r-1", "file-1", "0-1", "KEY is not set", 30.0, 4e9))
    said = desk.run("history")[1].splitlines()
    assert said == [
        f"→ {desk.versions.current_name()}, put there by Terraform",
        "  relay r-1 serves file-1, refuses 0-1: KEY is not set",
    ]


def test_a_store_that_is_none_is_one_line(capsys):
    assert main(["agents", "history", "--store", "bucket"]) == 2
    assert capsys.readouterr().err.startswith("agents: STORE='bucket': expected file:DIR, s3://")


def test_it_is_written_nowhere_that_a_pull_or_history_writes(tmp_path, capsys):
    assert main(["agents", "history", "--store", f"file:{tmp_path}/none"]) == 2
    assert not (tmp_path / "none").exists()
