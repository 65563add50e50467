"""One version of the agents' file: its name is its content's, and everything in it has a bound."""

import json

import pytest

from common.agent_version import (
    LARGEST_FILE,
    LARGEST_IN_ALL,
    LARGEST_TEXT,
    MOST_FILES,
    AgentVersion,
    File,
    VersionError,
    number_of,
)

TEXT = '[agents.a]\nid = "agent_1"\nambience = "sounds/room.wav"\n'
ROOM = File.of(b"a room")


def version(number: int = 7, text: str = TEXT, **files: File) -> AgentVersion:
    return AgentVersion(number, text, files or {"sounds/room.wav": ROOM}, "asha", "2026-11-29T08:00:00.000Z", "why")


def test_an_agent_version_survives_encoding_and_decoding():
    assert AgentVersion.decoded(version().encoded()) == version()


def test_a_versions_name_is_its_number_and_digest():
    assert version().name == f"7-{version().digest}"
    assert version(8).digest == version(7).digest
    others = [version(text=TEXT + "#"), version(a=ROOM), version(**{"sounds/room.wav": File.of(b"another")})]
    assert len({one.digest for one in (*others, version())}) == 4


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"agents": "[agents.a]"}, "its content belongs to 7-"),
        ({"version": "8-000000000000"}, "its content belongs to "),
        ({"agents": None}, "expected the text"),
        ({"number": "7"}, "expected a number"),
        ({"number": True}, "expected a number"),
        ({"number": -1}, "expected a number"),
        ({"files": {"a": {"sha256": 1, "size": 1}}}, "expected sha256 and size of 'a'"),
        ({"files": {"a": {"sha256": "../../etc/passwd", "size": 1}}}, "expected a name and the SHA-256"),
        ({"files": {"": {"sha256": ROOM.sha256, "size": 1}}}, "expected a name and the SHA-256"),
        ({"files": {"a": {"sha256": ROOM.sha256, "size": 0}}}, "sound a: expected 1 to 4194304 bytes, got 0"),
        ({"files": {"a": {"sha256": ROOM.sha256, "size": LARGEST_FILE + 1}}}, "sound a: expected 1 to 4194304 bytes"),
    ],
)
def test_a_missing_version_is_reported_as_missing(change, problem):
    with pytest.raises(VersionError, match=problem):
        AgentVersion.decoded(json.dumps({**json.loads(version().encoded()), **change}).encode())


def test_a_version_must_be_json():
    with pytest.raises(VersionError, match="can't be read"):
        AgentVersion.decoded(b"<html>")


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (version(text="#" * (LARGEST_TEXT + 1)), "expected 262144 bytes at most"),
        (version(text="\u0939" * (LARGEST_TEXT // 3 + 1)), "expected 262144 bytes at most"),
        (version(**{f"f{n}": ROOM for n in range(MOST_FILES + 1)}), "expected 32 files at most, got 33"),
        (
            version(**{f"f{n}": File(ROOM.sha256, LARGEST_FILE) for n in range(LARGEST_IN_ALL // LARGEST_FILE + 1)}),
            "expected 16777216 bytes at most together",
        ),
    ],
)
def test_everything_has_a_bound(made, problem):
    with pytest.raises(VersionError, match=problem):
        made.check()


def test_as_much_as_is_allowed_is_allowed():
    fours = LARGEST_IN_ALL // LARGEST_FILE
    version(text="#" * LARGEST_TEXT, **{f"f{n}": File(ROOM.sha256, LARGEST_FILE) for n in range(fours)}).check()


@pytest.mark.parametrize(
    ("name", "number"),
    [("7-3fa9c1d02b6e", 7), ("7", 7), ("", None), ("7-", None), ("7-3FA9C1D02B6E", None), ("٧", None), ("x", None)],
)
def test_a_version_is_called_by_name_or_number(name, number):
    assert number_of(name) == number
