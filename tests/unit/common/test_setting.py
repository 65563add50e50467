"""The declaration of a setting: what it reads, what it shows, and what a part's declarations say together."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from common import setting
from common.env import Env, SettingError


def declared():
    """Declared within the test: those of the parts are declared while their modules are imported."""

    @dataclass(frozen=True)
    class Base:
        port: int = setting.integer("PORT", "BRIDGE_PORT", default=8080, low=1, high=65_535, about="where it listens")
        gain: float = setting.number("GAIN", default=0.50, low=0.0, high=2.0, about="how loud")

    @dataclass(frozen=True)
    class Settings(Base):
        name: str = setting.text("NAME", default="relay", about="its\nname")
        home: str = setting.text("HOME_DIR", default="/tmp/x", shown="a folder", about="where it is")
        task: str = setting.text("TASK", about="set by the platform", internal=True)
        mood: str = setting.choice("MOOD", default="calm", choices=("calm", "loud"), about="how")
        dry: bool = setting.boolean("DRY", default=False, about="whether")
        keys: tuple[str, ...] = setting.secrets("KEYS", about="who may")
        own: str = setting.secret("OWN", about="ours")
        theirs: str = setting.key("THEIRS", about="theirs")
        people: Mapping[str, str] = setting.custom(
            "PEOPLE", lambda env: env.mapping("PEOPLE"), default={"a": "1"}, shown="nobody", about="whom", secret=True
        )
        unset: str = "no setting"

    return Settings


ROWS = [
    "| `PORT`, `BRIDGE_PORT` | 8080 (1 to 65535) | where it listens |",
    "| `GAIN` | 0.5 (0 to 2) | how loud |",
    "| `NAME` | relay | its name |",
    "| `HOME_DIR` | a folder | where it is |",
    "| `MOOD` | calm | how |",
    "| `DRY` | false | whether |",
    "| `KEYS`* | | who may |",
    "| `OWN`* | | ours |",
    "| `THEIRS`* | | theirs |",
    "| `PEOPLE`* | nobody | whom |",
]


def test_the_rows_of_the_documentation_show_names_default_range_and_meaning():
    """What a platform sets is in no table; nor is a field that is no setting."""
    assert [one.row("*") for one in setting.settings_of(declared())] == ROWS
    assert [one.row("*") for one in setting.settings_of(declared(), inherited=False)] == ROWS[2:]
    assert setting.declaration(declared(), "keys").row() == "| `KEYS` | | who may |"


def test_an_empty_environment_gives_the_defaults():
    values = setting.read(declared(), Env({}))
    assert values == {
        **{"port": 8080, "gain": 0.5, "name": "relay", "home": "/tmp/x", "task": "", "mood": "calm", "dry": False},
        **{"keys": (), "own": "", "theirs": "", "people": {}},
    }


def test_a_settings_object_has_the_same_defaults_without_any_environment():
    made, read = declared()(), declared()(**setting.read(declared(), Env({})))
    assert made.people == {"a": "1"}
    assert {**vars(made), "people": {}} == vars(read)


def test_each_kind_reads_its_values():
    long = "a-secret-of-no-one-in-particular"
    environ = {
        **{
            "BRIDGE_PORT": "9",
            "GAIN": "1.5",
            "NAME": " a ",
            "HOME_DIR": "/b",
            "TASK": "t",
            "MOOD": "LOUD",
            "DRY": "on",
        },
        **{"KEYS": f"{long},{long}2", "OWN": long, "THEIRS": "short", "PEOPLE": '{"b": "2"}'},
    }
    assert setting.read(declared(), Env(environ)) == {
        **{"port": 9, "gain": 1.5, "name": "a", "home": "/b", "task": "t", "mood": "loud", "dry": True},
        **{"keys": (long, f"{long}2"), "own": long, "theirs": "short", "people": {"b": "2"}},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("PORT", wrong) for wrong in ("0", "65536", "x")],
        *[("GAIN", wrong) for wrong in ("-0.1", "2.1", "nan")],
        *[("MOOD", "sad"), ("DRY", "perhaps"), ("KEYS", "short"), ("OWN", "short"), ("PEOPLE", "[]")],
    ],
)
def test_a_value_that_cannot_be_one_is_refused_by_the_setting_s_name(name, value):
    with pytest.raises(SettingError, match=f"^{name}="):
        setting.read(declared(), Env({name: value}))


def test_a_declaration_knows_its_range_and_whether_it_is_secret():
    of = {one.names[0]: one for one in setting.settings_of(declared())}
    assert {name: one.limits for name, one in of.items() if one.limits} == {"PORT": (1, 65_535), "GAIN": (0.0, 2.0)}
    assert {name for name, one in of.items() if one.secret} == {"KEYS", "OWN", "THEIRS", "PEOPLE"}
    assert [one.kind for one in of.values()] == [
        *("integer", "number", "text", "text", "choice", "boolean", "secret", "secret", "secret", "custom")
    ]


def test_no_secret_is_printed_with_the_settings():
    shown = repr(declared()(keys=("hidden-1",), own="hidden-2", theirs="hidden-3", people={"a": "hidden-4"}))
    assert "hidden" not in shown
    assert "port=8080" in shown
