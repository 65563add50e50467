"""A release needs a clean tree, a new version and a changelog that names it."""

import re

import pytest

from common import __version__
from scripts.release import ROOT, problem

GOOD = f"# Changelog\n\n## {__version__} - 2026-12-01\n"


def test_a_release_may_go():
    assert problem(GOOD, ["v0.0.1"], "") == ""


@pytest.mark.parametrize(
    ("changelog", "tags", "changes", "says"),
    [
        (GOOD, [], " M README.md", "not committed"),
        (GOOD, [f"v{__version__}"], "", "is tagged already"),
        (f"## {__version__} - unreleased\n", [], "", "has no heading"),
        ("", [], "", "has no heading"),
    ],
)
def test_what_is_missing_is_named(changelog, tags, changes, says):
    assert says in problem(changelog, tags, changes)


def test_the_changelog_names_the_version_that_the_code_has():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)} - ", changelog, re.MULTILINE)
