"""SECURITY.md names the test of every defence; here it is made sure that they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
CLAIMS = [
    (
        file.replace("abuse/", "integration/abuse/", 1) if file.startswith("abuse/") else file,
        re.findall(r"`(\w+)`", names),
    )
    for file, names in re.findall(r"`([\w/]+\.py)`((?:[:,] `\w+`)*)", PAGE)
]


@pytest.mark.parametrize(("file", "names"), CLAIMS, ids=[file for file, _ in CLAIMS])
def test_a_defence_has_the_test_it_claims(file, names):
    path = ROOT / "tests" / file
    assert path.exists()
    source = path.read_text()
    for name in names:
        assert f"def test_{name}(" in source


def test_the_page_makes_claims():
    assert len(CLAIMS) > 15
