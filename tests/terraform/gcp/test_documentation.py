"""docs/gcp.md says what the files say, and its sums are right."""

import re

import pytest

from console.deployment.gcp import NAMES
from console.deployment.secrets import MADE_HERE
from tests.terraform.gcp.watching import contract
from tests.terraform.gcp.workspace import ROOT
from tests.terraform.hcl import blocks, text

DOCUMENT = (ROOT / "docs/gcp.md").read_text()


def rows(pattern: str) -> list[re.Match[str]]:
    return list(re.finditer(pattern, DOCUMENT, re.MULTILINE))


def number(said: str) -> float:
    return float(said.replace(",", ""))


@pytest.mark.parametrize(
    "row",
    rows(r"^\| (?P<what>[^|*]+) \| (?P<sum>[\d,.]+(?: × [\d,.]+)+) \| (?P<result>[\d.]+) \|$"),
    ids=lambda row: row["what"],
)
def test_products(row: re.Match[str]):
    product = 1.0
    for factor in row["sum"].split(" × "):
        product *= number(factor)
    assert round(product, 2) == pytest.approx(number(row["result"]), abs=0.0051)


@pytest.mark.parametrize(
    "row",
    rows(r"^\| \*\*Sum\*\* \| (?P<sum>[\d.+ ]+) \| \*\*(?P<result>[\d.]+)\*\* \|$"),
    ids=lambda row: row["result"],
)
def test_sums(row: re.Match[str]):
    assert sum(map(number, row["sum"].split(" + "))) == pytest.approx(number(row["result"]), abs=0.001)


def test_tables_were_found():
    assert len(rows(r"^\| \*\*Sum\*\* \|")) == 2
    assert len(rows(r"^\| [^|*]+ \| [\d,.]+(?: × [\d,.]+)+ \|")) == 9


@pytest.mark.parametrize(
    "sentence",
    rows(r"(?P<left>[\d,.]+ × [\d.]+(?: \+ [\d,.]+ × [\d.]+)*) = (?P<result>[\d.]+)"),
    ids=lambda row: row["result"],
)
def test_sums_in_sentences(sentence: re.Match[str]):
    products = [
        number(left) * number(right) for left, right in (part.split(" × ") for part in sentence["left"].split(" + "))
    ]
    assert sum(products) == pytest.approx(number(sentence["result"]), abs=0.00005)


def test_every_setting_of_the_script_is_explained():
    missing = [
        name
        for name in [
            *NAMES,
            "STATE_BUCKET",
            "STATE_PREFIX",
            "ENGINE",
            "ROTATE",
            "DROP",
            "ENV",
            "ALLOW_DESTROY",
            "DELETE_RECORDS",
        ]
        if f"`{name}`" not in DOCUMENT
    ]
    assert [name for name in missing if name != "DELETE_RECORDS"] == []
    assert "DELETE_RECORDS=yes" in DOCUMENT
    assert set(re.search(r"ROTATE=([\w,]+)", DOCUMENT)[1].split(",")) <= set(MADE_HERE)


def test_variables_and_outputs_that_are_named_exist():
    known = set(blocks("gcp", "variable")) | set(blocks("gcp", "output")) | set(contract())
    named = set(re.findall(r"`((?:relay|records|transfer|function|webhook|control)_[a-z_]+)`", DOCUMENT))
    assert named - known == set()


def test_every_alarm_is_explained():
    alarms = set(re.findall(r"^    ([a-z0-9]+(?:-[a-z0-9]+)+) = \{", text("gcp"), re.M)) | {"no-healthy-relay"}
    explained = DOCUMENT.split("| Alarm | Means |")[1].split("\n\n")[0]
    assert [alarm for alarm in alarms if alarm.replace("-", " ") not in explained] == []


def test_defaults_that_are_named_are_the_defaults():
    variables = blocks("gcp", "variable")
    assert variables["records_retention_days"].default == 365
    assert "`records_retention_days` (365)" in DOCUMENT
    assert variables["region"].default.strip('"') == "asia-south1"
    assert variables["transfer_min_instances"].default == variables["relay_cpu"].default == 1
