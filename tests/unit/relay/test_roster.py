"""AGENTS_FILE: which agents a call may have, and what is said of a file that can't be used."""

import subprocess
import sys
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.env import SettingError
from relay.agents.agents_file import read_agents_file
from relay.agents.own_tools import read_own_tools
from relay.agents.roster import AgentSpec, Roster
from tests.support.processes import BARE, ROOT

VENDORS = {"elevenlabs": None, "echo": None}
FULL = """
default = "reception"

[agents.reception]
vendor = "elevenlabs"
id = "agent_1"
ambience = "office"
ambience_volume = 0.3
duck_db = 9
typing_volume = 0.2
fallback = "night"
first_audio_seconds = 8
answer_seconds = 20
lookup_url = "https://crm.example/who"
idle_seconds = 20
idle_attempts = 3
idle_speech = "sounds/there.wav"
idle_transfer = ""
max_seconds = 600
gain_db = -3
echo_guard = "on"
record = "both"
record_pause_on_keys = true
mask_keys = true
notice = "sounds/recorded.wav"
fallback_speech = "sounds/sorry.wav"
options = { region = "india" }
tools.order_status = { url = "https://shop.example/orders", description = "Where an order is" }

[agents.night]
id = "agent_2"
level = "auto"

[agents.test]
vendor = "echo"
"""
TOOL = {"url": "https://shop.example/orders", "description": "Where an order is"}


@pytest.fixture
def read(tmp_path):
    def read_text(text: str | bytes) -> Roster:
        path = tmp_path / "agents.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_agents_file(str(path), VENDORS)

    return read_text


def test_everything_that_can_be_said_of_an_agent(read):
    roster = read(FULL)
    assert roster.default == "reception"
    assert list(roster) == [
        AgentSpec(
            alias="reception",
            vendor="elevenlabs",
            id="agent_1",
            ambience="office",
            ambience_volume=0.3,
            duck_db=9.0,
            typing_volume=0.2,
            fallback="night",
            fallback_speech="sounds/sorry.wav",
            first_audio_s=8.0,
            answer_s=20.0,
            lookup_url="https://crm.example/who",
            idle_s=20.0,
            idle_attempts=3,
            idle_speech="sounds/there.wav",
            idle_transfer="",
            max_s=600.0,
            gain_db=-3.0,
            echo_guard="on",
            record="both",
            record_pause_on_keys=True,
            mask_keys=True,
            notice="sounds/recorded.wav",
            options={"region": "india"},
            tools=read_own_tools("agents.toml", "reception", {"order_status": TOOL}),
        ),
        AgentSpec("night", "elevenlabs", "agent_2", level="auto"),
        AgentSpec("test", "echo", ""),
    ]


def test_the_full_example_sets_everything(read):
    """A key that it leaves out could be read under another name, and nobody would notice. (A gain excludes a level.)"""
    plain = AgentSpec("reception", "", "")
    full = read(FULL).find("reception")
    assert [one.name for one in fields(full) if getattr(full, one.name) == getattr(plain, one.name)] == [
        "alias",
        "level",
    ]


@pytest.mark.parametrize(
    ("key", "within", "beyond"),
    [
        ("ambience_volume", [0, 1], [-0.01, 1.01]),
        ("typing_volume", [0, 1], [-0.01, 1.01]),
        ("duck_db", [0, 30], [-1, 30.5]),
        ("gain_db", [-20, 20], [-20.5, 20.5]),
        ("first_audio_seconds", [0.1, 60], [0, 60.5]),
        ("answer_seconds", [0, 300], [-1, 300.5]),
        ("idle_seconds", [0, 3, 600], [2.9, 600.5]),
        ("idle_attempts", [0, 10], [-1, 11]),
        ("max_seconds", [0, 10, 14400], [9.9, 14400.5]),
    ],
)
def test_a_number_is_taken_up_to_its_limits_and_no_further(read, key, within, beyond):
    field = key.replace("_seconds", "_s")
    for value in within:
        assert getattr(read(f"[agents.day]\n{key} = {value}").find("day"), field) == value
    for value in beyond:
        with pytest.raises(SettingError, match=f"agents.day.{key} to be "):
            read(f"[agents.day]\n{key} = {value}")


@pytest.mark.parametrize(
    ("key", "values"),
    [("echo_guard", ["auto", "on", "off"]), ("record", ["off", "both", "agent"]), ("level", ["", "auto"])],
)
def test_a_word_is_one_of_those_that_are_known(read, key, values):
    for value in values:
        assert getattr(read(f'[agents.day]\n{key} = "{value}"').find("day"), key) == value


def test_without_a_default_it_is_the_first(read):
    assert read('[agents.b]\nid = "1"\n[agents.a]\nid = "2"').default == "b"


def test_agents_are_found_by_alias_and_by_id(read):
    roster = read(FULL)
    assert roster.find("night").id == "agent_2"
    assert roster.find("agent_1").alias == "reception"
    assert roster.find("agent_9") is None


def test_an_alias_wins_over_an_id():
    agents = {"a": AgentSpec("a", "elevenlabs", "b"), "b": AgentSpec("b", "elevenlabs", "x")}
    assert Roster(agents, "a").find("b").alias == "b"


def test_fallbacks_are_tried_in_order_and_each_once():
    agents = {
        alias: AgentSpec(alias, "elevenlabs", alias, fallback=fallback)
        for alias, fallback in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "d"), ("e", "")]
    }
    roster = Roster(agents, "a")
    chains = {alias: [agent.alias for agent in roster.chain(alias)] for alias in [*agents, "nobody"]}
    assert chains == {
        "a": ["a", "b", "c"],
        "b": ["b", "c", "a"],
        "c": ["c", "a", "b"],
        "d": ["d"],
        "e": ["e"],
        "nobody": [],
    }


def test_a_roster_of_one():
    roster = Roster.single(AgentSpec("default", "elevenlabs", "agent_1"))
    assert roster.default == "default"
    assert roster.find("agent_1") is roster.find("default")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"at least one \[agents\.ALIAS\] table"),
        ("agents = 5", r"at least one \[agents\.ALIAS\] table"),
        ("[agents]", r"at least one \[agents\.ALIAS\] table"),
        ("[agents]\nday = 5", "agents.day to be a table"),
        ("[agents.day]\nidle_seconds = 2", "agents.day.idle_seconds to be from 3 to 600, or 0 for no limit"),
        ("[agents.day]\nidle_attempts = 1.5", "agents.day.idle_attempts to be a whole number from 0 to 10"),
        ("[agents.day]\nidle_attempts = 11", "agents.day.idle_attempts to be a whole number from 0 to 10"),
        ("[agents.day]\nmax_seconds = 5", "agents.day.max_seconds to be from 10 to 14400, or 0 for no limit"),
        ('[agents.day]\nlookup_url = "crm.example"', "agents.day.lookup_url to be an https:// address, or empty"),
        ("[agents.day", r"a TOML file \(Expected ']'"),
        (b"\xff\xfe", "a TOML file"),
        ('[agents.day]\ncolour = "red"', "agents.day.colour to be one of vendor, id"),
        ('[agents.day]\necho_guard = "yes"', "agents.day.echo_guard to be auto, on or off$"),
        ('[agents.day]\nlevel = "high"', 'agents.day.level to be "auto" or left out$'),
        ('[agents.day]\nlevel = "auto"\ngain_db = 3', "agents.day to have gain_db or level, not both$"),
        ("[agents.day]\nfirst_audio_seconds = 61", "agents.day.first_audio_seconds to be more than 0, at most 60$"),
        ("[agents.day]\nanswer_seconds = 301", r"agents.day.answer_seconds to be from 0 \(no limit\) to 300$"),
        ("announcements = 5\n[agents.day]", r"\[announcements\] to be a table of names and sound files$"),
        ("[agents.day]\n[announcements]\nx = 5", r"\[announcements\] to be a table of names and sound files$"),
        ('[agents.day]\n[announcements]\nx = ""', r"\[announcements\] to be a table of names and sound files$"),
        ("[agents.day]\nid = 5", "agents.day.id to be a string"),
        ('[agents.day]\nvendor = "acme"', "agents.day.vendor to be one of elevenlabs, echo"),
        ("[agents.day]\nambience_volume = 1.5", "agents.day.ambience_volume to be from 0 to 1"),
        ("[agents.day]\nambience_volume = nan", "agents.day.ambience_volume to be from 0 to 1"),
        ("[agents.day]\nambience_volume = true", "agents.day.ambience_volume to be a number"),
        ('[agents.day]\nambience_volume = "loud"', "agents.day.ambience_volume to be a number"),
        ("[agents.day]\nfirst_audio_seconds = 0", "agents.day.first_audio_seconds to be more than 0"),
        ("[agents.day]\nfirst_audio_seconds = true", "agents.day.first_audio_seconds to be a number"),
        ("[agents.day]\nrecord = true", "agents.day.record to be a string"),
        ('[agents.day]\nrecord = "all"', "agents.day.record to be off, both or agent"),
        ('[agents.day]\nmask_keys = "yes"', "agents.day.mask_keys to be a boolean"),
        ("[agents.day]\nrecord_pause_on_keys = 1", "agents.day.record_pause_on_keys to be a boolean"),
        ("[agents.day]\nnotice = false", "agents.day.notice to be a string"),
        ('[agents.day]\noptions = "eu"', "agents.day.options to be a table"),
        ('[agents.day]\nfallback = "night"', "agents.day.fallback to be one of day"),
        ('default = "night"\n[agents.day]', "default to be one of day"),
        ("default = 5\n[agents.day]", "default to be one of day"),
        ("default = []\n[agents.day]", "default to be one of day"),
    ],
)
def test_a_mistake_names_the_entry_and_what_was_expected(read, text, expected):
    with pytest.raises(SettingError, match=rf"^AGENTS_FILE='.*agents\.toml': expected {expected}") as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there():
    with pytest.raises(
        SettingError, match=r"AGENTS_FILE='no/agents\.toml': expected a readable TOML file \(No such file"
    ):
        read_agents_file("no/agents.toml", VENDORS)


VALUES = st.sampled_from(["true", "5", "-1.5", '"day"', "[]", "{}", '"elevenlabs"', "nan", "1979-05-27"])
KEYS = st.sampled_from(
    ["vendor", "id", "ambience", "ambience_volume", "fallback", "options", "first_audio_seconds", "x"]
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.none() | VALUES)
def test_any_file_is_a_roster_or_one_line(tmp_path_factory, entry, default):
    path = tmp_path_factory.mktemp("agents") / "agents.toml"
    lines = [] if default is None else [f"default = {default}"]
    path.write_text("\n".join([*lines, "[agents.day]", *(f"{key} = {value}" for key, value in entry.items())]))
    try:
        roster = read_agents_file(str(path), VENDORS)
    except SettingError:
        return
    assert roster.find(roster.default) is not None


def test_a_file_that_an_editor_began_with_a_byte_order_mark_is_read():
    """Notepad writes one; the parser said "Invalid statement (at line 1, column 1)"."""
    assert read_agents_file(str(ROOT / "tests/fixtures/agents_bom.toml"), VENDORS).default == "a"


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_the_file_is_utf_8_whatever_the_locale(tmp_path, locale):
    """Containers have no locale: names in Devanagari came out as garbage, or not at all."""
    path = tmp_path / "agents.toml"
    path.write_text('agents."मदद" = { vendor = "echo" }\n', encoding="utf-8")
    read = f"read_agents_file({str(path)!r}, {{'echo': None}})"
    code = f"from relay.agents.agents_file import read_agents_file; print(ascii({read}.default))"
    environment = {**BARE, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert ran.stdout.decode().strip() == ascii("मदद")
