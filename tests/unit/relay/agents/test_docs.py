"""docs/agents.md says what is so."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from relay.agents import HOSTED, VENDORS
from relay.agents.agents_file import _KINDS
from relay.agents.bot import Bot, Wrapper
from relay.agents.echo import EchoOptions
from relay.agents.overrides import NAMES
from relay.agents.script import Step
from relay.agents.telephony.exotel import ExotelOptions
from relay.agents.telephony.twilio import TwilioOptions
from relay.agents.vendor import HostedOptions
from relay.app import create_app
from relay.settings import Settings
from sim.speech import ASSETS

ROOT = Path(__file__).parents[4]
TEXT = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
OWN_PAGES = {path.parent.name: path.read_text(encoding="utf-8") for path in ROOT.glob("relay/agents/*/README.md")}
"""Of vendors that docs/agents.md does not describe, by the vendor's folder."""


def test_the_example_file_can_be_used(tmp_path):
    example = re.search(r"```toml\n(default.*?)```", TEXT, re.DOTALL)[1]
    example = example.replace("sounds/sorry.wav", str(ASSETS / "sorry.wav"))
    (tmp_path / "agents.toml").write_text(example)
    environ = {"OPENAI_API_KEY": "key"}
    assert create_app(Settings(agents_file=str(tmp_path / "agents.toml"), elevenlabs_api_key="key", environ=environ))
    assert tomllib.loads(example)["agents"]["second"]["fallback"] == "night"


@pytest.mark.parametrize("name", [*_KINDS, *VENDORS])
def test_every_key_of_an_entry_and_every_vendor_is_there(name):
    assert f"`{name}`" in TEXT + OWN_PAGES.get(name, "")


@pytest.mark.parametrize("kind", [EchoOptions, Step, ExotelOptions, TwilioOptions])
def test_every_option_is_there(kind):
    assert [field.name for field in msgspec.structs.fields(kind) if f"`{field.name}`" not in TEXT] == []


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.options])
def test_every_default_is_there(name):
    """An address, a model or a voice that nobody chose is what the caller gets."""
    shared = {field.name for field in msgspec.structs.fields(HostedOptions)}
    text = TEXT + OWN_PAGES.get(name, "")
    missing = []
    for field in msgspec.structs.fields(VENDORS[name].options):
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            written = rf"`{field.name}` \(?{field.default}[);, ]"
            found = re.search(written, text) or re.search(written.replace(".0[", "["), text)
        else:
            found = not field.default or field.default is msgspec.NODEFAULT or f"`{field.default}`" in text
        if not found and field.name not in shared:
            missing.append(field.name)
    assert missing == []


@pytest.mark.parametrize("name", HOSTED)
def test_what_a_vendor_declares_of_itself_is_there(name):
    """Its name for people, the model of an entry without an id, what every entry needs, its key and its formats."""
    vendor, text = VENDORS[name], TEXT + OWN_PAGES.get(name, "")
    [(found,)] = [
        re.findall(rf"^\*\*{vendor.title}[^*]*\*\*[^(]*\(`{name}`\)(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    ]
    if vendor.default_id and name != "azure_openai":  # whose deployments have names of their own
        assert f"(default `{vendor.default_id}`)" in found
    assert f"`{vendor.key_env}`" in text
    for option in vendor.needs:
        assert re.search(rf"`{option}`(, `\w+`)* \(required\)", found)
    formats = {
        row.split("|")[2].strip()
        for row in text.splitlines()
        if re.match(rf"\| ([\w, ]+, )?{name}(, [\w, ]+)? \|", row)
    }
    said = vendor.heard if vendor.heard == vendor.spoken else f"{vendor.heard} up, {vendor.spoken} down"
    assert said in formats


@pytest.mark.parametrize("kind", [Bot, Wrapper])
def test_everything_a_bot_has_is_there(kind):
    public = [name for name in vars(kind) if not name.startswith("_") and name not in {"Options", "needs"}]
    assert [name for name in public if not re.search(rf"`(self\.)?{name}\b", TEXT)] == []


def test_the_bots_of_the_examples_are_listed():
    listing = (ROOT / "examples" / "bots" / "README.md").read_text(encoding="utf-8")
    for file in (ROOT / "examples" / "bots").glob("*.py"):
        assert f"`{file.name}`" in listing


@pytest.mark.parametrize("name", VENDORS)
def test_what_a_look_up_can_change_is_there(name):
    table = TEXT.split("### What a look-up can change")[1].split("###")[0]
    names = re.findall(r"`(\w+)`", table.split("|---")[0])
    assert names == list(NAMES)
    lines = table.splitlines() + OWN_PAGES.get(name, "").splitlines()
    (row,) = [line for line in lines if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    said = [cell.strip() for cell in row.split("|")[2:-1]]
    takes = VENDORS[name].takes
    assert said == ["yes" if one in takes else "no" for one in NAMES]
