"""What belongs to a vendor that is hosted somewhere: whoever adds one is told by name what is missing.

The suite of the seam, the corpus, the fuzzer and the benchmark take their vendors from here, so none is left out.
"""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.env import SettingError
from relay.agents import HOSTED, VENDORS
from relay.agents.roster import AgentSpec
from relay.settings import Settings
from sim.vendors.registry import FAKES, corpus_of
from tests.bench import agents as bench
from tests.chaos import fuzz
from tests.integration.agents.world import TALKING

ROOT = Path(__file__).parents[4]
DOCS = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
LOCAL = {"echo", "script", "bot", "exotel", "twilio"}
"""In the relay, or somebody's own."""


def docs_of(vendor):
    """What is documented: on the page of all vendors, or in a README of the vendor's own folder."""
    own = corpus_of(vendor, HOSTED[vendor].codec).with_name("README.md")
    return DOCS + (own.read_text(encoding="utf-8") if own.exists() else "")


each = pytest.mark.parametrize("vendor", HOSTED)


def test_every_vendor_is_hosted_or_local():
    assert set(HOSTED) | LOCAL == set(VENDORS)
    assert not set(HOSTED) & LOCAL


@each
def test_its_options_are_described(vendor):
    options = HOSTED[vendor].options
    assert options is not None
    assert [name for name in options.__struct_fields__ if f"`{name}`" not in docs_of(vendor)] == []


@each
def test_its_key_is_named(vendor):
    assert f"`{HOSTED[vendor].key_env}`" in docs_of(vendor)
    settings = Settings(environ={HOSTED[vendor].key_env: "key"}, elevenlabs_api_key="key")
    spec = AgentSpec("front", vendor, "x", options={**HOSTED[vendor].needs, "base_url": "https://here.example"})
    assert HOSTED[vendor].configure(spec, settings)


@each
def test_there_is_a_fake_and_it_is_in_the_suite_of_the_seam(vendor):
    assert vendor in FAKES
    assert vendor in TALKING


def test_a_fake_may_be_imported_before_all_others():
    """As the demo does. It imports what all fakes share, and that finds the fakes."""
    code = "import relay.agents.openai.fake; from sim.vendors.registry import FAKES; assert 'grok' in FAKES"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@each
def test_there_is_a_corpus(vendor):
    corpus = json.loads(corpus_of(vendor, HOSTED[vendor].codec).read_text(encoding="utf-8"))
    assert len(corpus) >= 20
    assert any("malformed" in str(case["expect"]) for case in corpus)


@each
def test_its_session_does_something_about_every_event_of_its_codec(vendor):
    """A session passes over what it has no case for: a new event would be read, and lost without a word."""
    folder = HOSTED[vendor].codec or vendor
    codec = importlib.import_module(f"relay.agents.{folder}.codec")
    others = [path for path in Path(codec.__file__).parent.glob("*.py") if not path.name.startswith(("codec", "fake"))]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in others]
    named = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    events = [kind for kind in vars(codec).values() if isinstance(kind, type) and kind.__module__ == codec.__name__]
    public = [kind for kind in events if not kind.__name__.startswith("_")]
    assert public
    assert [kind.__name__ for kind in public if not named & {base.__name__ for base in kind.__mro__[:-1]}] == []


@each
def test_it_is_fuzzed(vendor):
    assert vendor in fuzz.READERS
    assert len(fuzz.CORPUS[vendor]) >= 15


@each
def test_it_is_measured(vendor):
    assert vendor not in bench.MISSING, "expected a subclass of sim.vendors.measured.Measured in its fake"
    assert bench.VENDORS[vendor].entry["vendor"] == vendor


@each
def test_its_cost_stands_in_the_table(vendor):
    row = re.search(rf"^\| [^|]*\b{vendor}\b[^|]* \| [^|]+ \| \d+\.\d", docs_of(vendor), re.MULTILINE)
    assert row, f"neither docs/agents.md nor its README has a row for {vendor}: make bench AGENT={vendor}"


@each
def test_what_an_entry_has_to_say_is_asked_for(vendor):
    settings = Settings(agents_file="agents.toml", environ={HOSTED[vendor].key_env: "key"}, elevenlabs_api_key="key")
    for name in HOSTED[vendor].needs:
        options = {other: value for other, value in HOSTED[vendor].needs.items() if other != name}
        with pytest.raises(SettingError, match=name):
            HOSTED[vendor].configure(AgentSpec("front", vendor, "x", options=options), settings)


@each
def test_it_has_a_name_that_people_know(vendor):
    assert HOSTED[vendor].title in docs_of(vendor)
