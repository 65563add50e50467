"""A release needs a clean tree, a new version and a changelog that names it."""

import re

import pytest

from common import __version__
from scripts.release import ROOT, problem

SBOMS = ["build/sbom/relay.cdx.json"]
GOOD = f"# Changelog\n\n## {__version__} - 2026-12-01\n"


def test_a_release_may_go():
    assert problem(GOOD, ["v0.0.1"], "", SBOMS) == ""


@pytest.mark.parametrize(
    ("changelog", "tags", "changes", "sboms", "says"),
    [
        (GOOD, [], " M README.md", SBOMS, "not committed"),
        (GOOD, [f"v{__version__}"], "", SBOMS, "is tagged already"),
        (f"## {__version__} - unreleased\n", [], "", SBOMS, "has no heading"),
        ("", [], "", SBOMS, "has no heading"),
        (GOOD, [], "", [], "no bill of materials"),
    ],
)
def test_what_is_missing_is_named(changelog, tags, changes, sboms, says):
    assert says in problem(changelog, tags, changes, sboms)


def test_the_changelog_names_the_version_that_the_code_has():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)} - ", changelog, re.MULTILINE)
