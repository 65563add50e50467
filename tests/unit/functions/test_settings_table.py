"""A function's setting stands once: documentation and Terraform know of it what its declaration says."""

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from common.env import Env, SettingError
from common.setting import declaration
from functions.common.settings import log_level, store
from functions.transfer.settings import ConnectFields
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings
from scripts.settings_table import DOCS, FUNCTIONS, renewed
from tests.terraform.hcl import blocks

ROOT = Path(__file__).parents[3]
PARTS = {"webhook": WebhookSettings, "transfer": TransferSettings}
LEAST = {"EXOTEL_TOKEN": "t" * 16}
OF_PART = [(part, setting) for part in PARTS for setting in (*FUNCTIONS["Both functions"], *FUNCTIONS[part])]
WRONG = {"integer": "x", "number": "x", "boolean": "perhaps", "choice": "mars", "secret": ""}


def named(value):
    return f"{value[0]}-{value[1].names[0]}"


class Watched(Mapping):
    """An environment that remembers what it was asked for."""

    def __init__(self, folder):
        self.asked = set()
        self._given = {**LEAST, "STORE": f"file:{folder}"}

    def __getitem__(self, name):
        self.asked.add(name)
        return self._given[name]

    def __iter__(self):
        return iter(self._given)

    def __len__(self):
        return len(self._given)


def test_the_documented_tables_are_made_from_the_declarations():
    assert renewed("functions.md") == (DOCS / "functions.md").read_text(encoding="utf-8"), (
        "python -m scripts.settings_table writes it"
    )


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_read_that_is_not_declared(part, tmp_path):
    watched = Watched(tmp_path)
    PARTS[part].from_env(watched)
    store(Env(watched))
    log_level(Env(watched))
    assert watched.asked == {name for one, setting in OF_PART if one == part for name in setting.names}


@pytest.mark.parametrize("part", PARTS)
def test_a_field_s_default_is_that_of_its_variable(part):
    kind = PARTS[part]
    by_hand, given = kind(), kind.from_env(LEAST)
    for field in fields(kind):
        if field.name != "tokens":
            assert getattr(by_hand, field.name) == getattr(given, field.name), field.name
    assert ConnectFields() == TransferSettings.from_env(LEAST).connect


@pytest.mark.parametrize("of", [of for of in OF_PART if of[1].limits], ids=named)
def test_its_limits_are_kept(of):
    part, setting = of
    for value in (setting.limits[0] - 1, setting.limits[1] + 1):
        with pytest.raises(SettingError, match=rf"^{setting.names[0]}='"):
            PARTS[part].from_env({**LEAST, setting.names[0]: f"{value:g}"})


@pytest.mark.parametrize("of", [of for of in OF_PART if WRONG.get(of[1].kind)], ids=named)
def test_what_is_of_another_kind_is_refused_by_name(of):
    part, setting = of
    with pytest.raises(SettingError, match=rf"^{setting.names[0]}='"):
        PARTS[part].from_env({**LEAST, setting.names[0]: WRONG[setting.kind]})


@pytest.mark.parametrize("of", [of for of in OF_PART if of[1].secret], ids=named)
def test_a_secret_is_never_shown(of):
    part, setting = of
    value = "user:s3cret-of-nobody-at-all"
    settings = PARTS[part].from_env({**LEAST, setting.names[0]: value})
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_terraform_sets_what_exists_and_hides_what_is_secret(cloud):
    """A name that no part reads, or a secret in plain environment, would be found in production."""
    folder = ROOT / "infra" / "terraform" / "modules" / cloud
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    by_name = {setting.names[0]: setting for _, setting in OF_PART}
    said = set(re.findall(r"\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+|STORE)\s+= ", text))
    hidden = {name for name in said if name in by_name and by_name[name].secret}
    plain = {name for name in said if name in by_name and not by_name[name].secret}
    assert {"STORE", "ELEVENLABS_REGION", "TRANSFER_TARGETS", "TRANSFER_TEAM_1_NUMBER"} <= plain
    assert {"EVENTS_SECRET", "ELEVENLABS_API_KEY", "EXOTEL_TOKEN"} <= hidden
    for name in hidden:
        for value in re.findall(rf"\b{name}\s+= (\S+)", text):
            assert re.fullmatch(r'"[a-z_]+",?|\{', value), f"{name} = {value}: expected the name of a secret"


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_terraform_knows_the_same_regions(cloud):
    region = blocks(cloud, "variable")["elevenlabs_region"]
    [check] = region.body["validation"]
    declared = declaration(WebhookSettings, "region")
    assert str(region.default).strip('"') == declared.shown
    assert re.findall(r'"(\w+)"', check["condition"]) == re.findall(r"`(\w+)`", declared.about)
