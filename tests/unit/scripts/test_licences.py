"""docs/licences.md is of what is deployed now."""

import re
from pathlib import Path

from scripts.licences import names

ROOT = Path(__file__).parents[3]
SHIPPED = [ROOT / "requirements" / f"{part}.txt" for part in ("relay", "functions-aws", "functions-gcp")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_library_that_is_deployed_is_listed_with_its_licence():
    """After `make lock` run `make licences`."""
    rows = re.findall(r"^\| (\S+) +\| \S+ +\| (.+?) +\|$", (ROOT / "docs" / "licences.md").read_text(), re.M)
    listed = {canonical(name): licence for name, licence in rows}
    elsewhere = {  # only on other systems or older Pythons, so not installed where the list is made
        canonical(match[1])
        for path in SHIPPED
        for match in re.finditer(r"^([A-Za-z0-9._-]+)==\S+ ;", path.read_text(), re.M)
    }
    assert {canonical(name) for name in names(SHIPPED)} - elsewhere <= listed.keys()
    assert not [name for name, licence in listed.items() if licence == "UNKNOWN"]


def test_versions_are_pinned_with_hashes():
    for path in SHIPPED:
        pins = re.split(r"^(?=[A-Za-z0-9])", path.read_text(), flags=re.M)
        packages = [pin for pin in pins if "==" in pin.partition("\n")[0]]
        assert packages
        assert all("--hash=sha256:" in pin for pin in packages)
