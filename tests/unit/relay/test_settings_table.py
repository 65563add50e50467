"""A setting stands once: what documentation, Terraform and doctor know of it is what its declaration says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from relay.settings import Settings, declared
from scripts.settings_table import DOCS, renewed

ROOT = Path(__file__).parents[3]
BY_NAME = {setting.names[0]: setting for setting in declared()}
LEAST = {"ELEVENLABS_AGENT_ID": "agent", "MEDIA_OPEN": "1"}


def test_the_documented_table_is_made_from_the_declarations():
    assert renewed("configuration.md") == (DOCS / "configuration.md").read_text(encoding="utf-8"), (
        "python -m scripts.settings_table writes it"
    )


def test_no_variable_is_read_twice():
    names = [name for setting in declared() for name in setting.names]
    assert len(names) == len(set(names))


def test_a_field_s_default_is_that_of_its_variable():
    """Tests make Settings by hand, deployments by the environment: both begin alike."""
    by_hand, read = Settings(), Settings.from_env(LEAST)
    given = {"elevenlabs_agent_id", "media_open", "environ"}
    for field in fields(Settings):
        if field.name not in given:
            assert getattr(by_hand, field.name) == getattr(read, field.name), field.name


def test_the_contract_leaves_settings_to_the_tables():
    """They stood there a second time, and each new one in three files."""
    contract = (DOCS / "contracts.md").read_text(encoding="utf-8").split("## Settings by part")[1]
    assert "(configuration.md)" in contract
    assert "(functions.md#settings)" in contract
    assert [name for name in BY_NAME if f"`{name}`" in contract] == ["AGENTS_FILE"]


def test_a_secret_is_marked():
    table = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for name, setting in BY_NAME.items():
        assert (f"`{name}`\\*" in table) == setting.secret, name


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_terraform_sets_what_exists_and_hides_what_is_secret(cloud):
    source = (ROOT / "infra" / "terraform" / "modules" / cloud / "relay.tf").read_text()
    plain = re.search(r"relay_environment = merge\((.*?)\n  \}?\)", source, re.DOTALL)[1]
    for name in re.findall(r"^\s+([A-Z_]+)\s+=", plain, re.MULTILINE):
        assert name in BY_NAME, name
        assert not BY_NAME[name].secret, f"{name} stands in the task's environment"
    if cloud == "aws":
        hidden = re.search(r"relay_own_secrets = \{(.*?)\n  \}", source, re.DOTALL)[1]
        names = re.findall(r"([A-Z_]+) = \"", hidden)
        assert {"MEDIA_TOKEN", "EVENTS_SECRET"} <= set(names)
        assert all(BY_NAME[name].secret for name in names), names


@pytest.mark.parametrize(
    "setting", [setting for setting in declared() if setting.limits], ids=lambda setting: setting.names[0]
)
def test_its_limits_are_kept(setting):
    low, high = setting.limits
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=rf"^{setting.names[0]}='"):
            Settings.from_env({**LEAST, setting.names[0]: f"{value:g}"})
