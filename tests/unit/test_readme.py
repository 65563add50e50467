"""What the README and the documents say is held to the code."""

import re
from pathlib import Path

import pytest

from relay.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
SET_BY_THE_PLATFORM = {"ECS_AGENT_URI", "HOSTNAME"}


class Noting(dict):
    """An environment that notes what is asked of it."""

    def __init__(self):
        super().__init__(ELEVENLABS_AGENT_ID="agent", MEDIA_OPEN="1")
        self.asked = set()

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


def test_the_configuration_table_names_every_variable_and_no_other():
    environ = Noting()
    Settings.from_env(environ)
    table = (ROOT / "docs/configuration.md").read_text().partition("### Relay")[2].partition("## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert named == {name.upper() for name in environ.asked} - SET_BY_THE_PLATFORM


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page):
    makefiles = "\n".join(path.read_text() for path in [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")])
    for target in re.findall(r"(?:`|^    (?:[A-Z_]+=\S+ )*)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefiles, re.MULTILINE), f"{page.name} names make {target}"


def test_the_readme_is_read_in_five_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_page_is_found_from_the_start_page():
    start = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in start, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_as_a_command_exists(page):
    for path in re.findall(r"-m pytest (?:-q )?(tests/[\w./-]+)", page.read_text()):
        assert (ROOT / path).exists(), f"{page.name} names {path}"
