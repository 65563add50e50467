"""`python -m console plan`, as it is typed, and the price file."""

import json
from datetime import date
from pathlib import Path

import pytest

from console.__main__ import main
from console.plan.load import Measured
from console.plan.prices import load

LOAD = ["--calls", "200", "--minutes", "50000"]
SLOWER_MACHINE = Path(__file__).parent / "slower_machine.toml"


def planned(capsys, *arguments):
    assert main(["plan", *LOAD, "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_price_says_where_it_comes_from():
    for name, price in load().all():
        assert price.value > 0, name
        assert price.unit, name
        assert price.region, name
        assert price.source, name
        assert isinstance(price.date, date), name
        assert not price.verified, f"{name}: who checked it? Then say so in the README, too"


def test_tables(capsys):
    assert main(["plan", *LOAD]) == 0
    printed = capsys.readouterr().out
    for words in ("relays at the peak", "AWS, a month", "Google Cloud, a month", "a call minute", "UNVERIFIED PRICES"):
        assert words in printed
    assert "210 conversations at once" in printed
    assert "Not in it: the minutes of exotel and agent" in printed


def test_json_adds_up(capsys):
    plan = planned(capsys, "--cloud", "gcp")
    assert list(plan["clouds"]) == ["gcp"]
    gcp = plan["clouds"]["gcp"]
    assert sum(item["usd"] for item in gcp["items"]) == pytest.approx(gcp["usd_a_month"])
    assert gcp["usd_a_minute"] == pytest.approx(gcp["usd_a_month"] / 50_000, abs=1e-5)
    assert plan["prices"]["gcp.internet"]["verified"] is False
    assert plan["egress_mbit_s"] == 114.8


def test_switches(capsys):
    def on_aws(*arguments):
        return planned(capsys, "--measured", str(SLOWER_MACHINE), *arguments)["clouds"]["aws"]

    plain = on_aws()
    assert plain["calls_a_relay"] < planned(capsys)["clouds"]["aws"]["calls_a_relay"]
    assert on_aws("--agent-rate", "8000")["relays"] < plain["relays"]
    whole = on_aws("--aws-cpu", "1024")
    assert whole["memory_mib"] >= plain["memory_mib"]
    assert whole["calls_a_relay"] == 161
    assert on_aws("--no-tls")["calls_a_relay"] > plain["calls_a_relay"]
    assert on_aws("--headroom", "50")["calls_a_relay"] == 50


def test_prices_of_ones_own_replace_ours_and_bring_their_own_date(capsys, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(
        "[aws]\ndate = 2027-01-15\nverified = true\n[aws.prices]\ninternet = { value = 0.2186, unit = 'GiB' }\n"
        "[agent]\ndate = 2027-01-15\n[agent.prices]\nminute = { value = 0.08, unit = 'minute' }\n"
    )
    before, after = planned(capsys)["clouds"]["aws"], planned(capsys, "--prices", str(path))
    aws = after["clouds"]["aws"]
    assert aws["parts"]["traffic"] == pytest.approx(2 * before["parts"]["traffic"], abs=0.02)
    assert aws["parts"]["agent"] == 4000.0
    mine = after["prices"]["aws.internet"]
    assert (mine["verified"], mine["date"], mine["region"], mine["source"]) == (
        True,
        "2027-01-15",
        "ap-south-1",
        str(path),
    )
    assert after["prices"]["aws.secret"]["verified"] is False
    assert any("minutes of exotel;" in line for line in after["assumptions"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[azure]\n", r"\[azure\] is not known"),
        ("[aws.prices]\ngold = { value = 1, unit = 'g' }\n", "aws.gold is not known: expected fargate_vcpu"),
        ("[aws.prices]\nsecret = 0.4\n", "aws.secret: expected { value"),
        ("[aws.prices]\nsecret = { value = '0.4', unit = 'x' }\n", "aws.secret: value = '0.4': expected a number"),
        ("[aws.prices]\nsecret = { value = -1, unit = 'x' }\n", "value = -1: expected a number"),
        ("[aws.prices]\nsecret = { value = nan, unit = 'x' }\n", "value = nan: expected a number"),
        ("[aws.prices]\nsecret = { value = 1 }\n", "unit = None: expected a str"),
        ("[aws.prices]\nsecret = { value = 1, unit = 'x', price = 2 }\n", "price is not known"),
        ("[agent.prices]\nminute = { value = 1, unit = 'x' }\n", "agent.minute: date = None: expected a date"),
        ("[aws]\nsecret = 1\n", "aws.secret is not known: expected prices"),
        ("aws = 3\n", "aws: expected a table"),
        ("[aws\n", "Expected"),
    ],
)
def test_a_price_file_that_is_wrong_is_named(tmp_path, text, says):
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        load(path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--prices", "{folder}/none.toml"], "plan: {folder}/none.toml can't be read: No such file"),
        (["--measured", "{folder}/none.toml"], "plan: {folder}/none.toml can't be read: No such file"),
        (["--aws-memory", "700"], "plan: --aws-memory 700: with --aws-cpu 512 Fargate has 1024, 2048, 3072, 4096"),
        (["--plot", "{folder}/plan.gif"], "plan: --plot {folder}/plan.gif: expected a name that ends in .png"),
        (["--plot", "{folder}/no/plan.png"], "plan: [Errno 2]"),
        (["--calls", "0"], "plan: --calls: expected 1 to 100,000 calls at once"),
        (["--minutes", "9000000"], "plan: --minutes: 200 calls at once are at most 8,760,000 minutes a month"),
    ],
)
def test_what_can_not_be_planned_with_is_one_line(tmp_path, capsys, arguments, says):
    assert main(["plan", *LOAD, *(argument.format(folder=tmp_path) for argument in arguments)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(says.format(folder=tmp_path))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda whole: "machine = 1\n", "wire is missing"),
        (lambda whole: "nonsense", "Expected"),
        (lambda whole: whole.replace("tls_16000", "tls_1600"), "tls_16000 is missing"),
        (lambda whole: whole.replace("machine", "where"), "machine is missing"),
        (lambda whole: whole.replace("4.95", "-4.95"), "-4.95: expected a number above 0"),
        (lambda whole: whole.replace("kib = 55", "kib = true"), "True: expected a number above 0"),
    ],
)
def test_measured_figures_that_are_wrong_are_named(tmp_path, change, says):
    path = tmp_path / "measured.toml"
    path.write_text(change(SLOWER_MACHINE.read_text()))
    with pytest.raises(ValueError, match=says):
        Measured.read(path)


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_picture(tmp_path, capsys, ending, begins):
    path = tmp_path / f"plan.{ending}"
    planned(capsys, "--plot", str(path))
    drawn = path.read_bytes()
    assert drawn.startswith(begins)
    if ending == "svg":
        assert drawn.count(b"<use ") > 30  # ticks and the marks where relays are added
