"""`python -m console plan`, as it is typed, and the price file."""

import argparse
import io
import json
import math
from datetime import date
from pathlib import Path

import aiohttp
import pytest

from common.prices import load
from console.__main__ import main
from console.costs.load import Measured, busiest_moment
from console.plan.app import PAGE, PlanPage
from console.plan.command import add_arguments, of_query, planners
from console.web.local_page import open_page

LOAD = ["--calls", "16667", "--at-once", "200", "--vendor", "none"]
MINUTES = 50_001
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
    assert "sum, infrastructure only" in printed
    assert "Infrastructure only: the minutes of exotel and agent are not in it" in printed


def test_json_adds_up(capsys):
    plan = planned(capsys, "--cloud", "gcp")
    assert list(plan["clouds"]) == ["gcp"]
    gcp = plan["clouds"]["gcp"]
    assert sum(item["usd"] for item in gcp["items"]) == pytest.approx(gcp["usd_a_month"])
    assert gcp["usd_a_minute"] == pytest.approx(gcp["usd_a_month"] / MINUTES, abs=1e-5)
    assert plan["prices"]["gcp.internet"]["verified"] is False
    assert plan["egress_mbit_s"] == 120.6


def test_switches(capsys):
    def on_aws(*arguments):
        measured = ("--measured", str(SLOWER_MACHINE), "--headroom", "60")
        return planned(capsys, *measured, *arguments)["clouds"]["aws"]

    plain = on_aws()
    assert plain["calls_a_relay"] == 40
    assert on_aws("--agent-rate", "8000")["relays"] < plain["relays"]
    whole = on_aws("--aws-cpu", "1024")
    assert whole["memory_mib"] >= plain["memory_mib"]
    assert whole["calls_a_relay"] == 80
    assert on_aws("--no-tls")["calls_a_relay"] > plain["calls_a_relay"]
    assert on_aws("--headroom", "50")["calls_a_relay"] == 50


def test_your_own_prices_replace_ours_and_bring_their_own_date(capsys, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(
        "[aws]\ndate = 2027-01-15\nverified = true\n[aws.prices]\ninternet = { value = 0.2186, unit = 'GiB' }\n"
        "[agent]\ndate = 2027-01-15\n[agent.prices]\nminute = { value = 0.08, unit = 'minute' }\n"
    )
    before, after = planned(capsys)["clouds"]["aws"], planned(capsys, "--prices", str(path))
    aws = after["clouds"]["aws"]
    assert aws["parts"]["traffic"] == pytest.approx(2 * before["parts"]["traffic"], abs=0.02)
    assert aws["parts"]["agent"] == pytest.approx(MINUTES * 0.08, abs=0.01)
    mine = after["prices"]["aws.internet"]
    assert (mine["verified"], mine["date"], mine["region"], mine["source"]) == (
        True,
        "2027-01-15",
        "ap-south-1",
        str(path),
    )
    assert after["prices"]["aws.secret"]["verified"] is False
    assert any("the minutes of exotel are not in it" in line for line in after["assumptions"])


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
        (["--at-once", "200000"], "plan: --at-once: expected 1 to 100,000 calls at once"),
        (["--calls", "-5"], "plan: --calls: expected 0 or more calls a month"),
        (["--calls", "3000000"], "plan: --calls: 200 calls at once can last 8,760,000 minutes a month at most"),
        (["--busy-share", "0"], "plan: --busy-share 0: expected more than 0"),
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


def test_calls_are_those_of_a_month_and_the_busiest_moment_is_derived(capsys):
    """`CALLS=5000` was taken for calls at once, which is a thousand times the bill that was meant."""
    assert main(["plan", "--calls", "5000", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["calls_a_month"], plan["minutes"], plan["calls"]) == (5000, 15_000, 7)
    # 5000 / 22 days × 17 % × 3 / 60 = 1.93 on average in the busiest hour, and three deviations of 1.39
    assert plan["calls"] == math.ceil(1.93 + 3 * 1.39)
    assert busiest_moment(5000, 3, 22, 0.17) == 7
    assert busiest_moment(0, 3, 22, 0.17) == 1


def test_the_sum_holds_the_minutes_at_list_prices_and_says_so(capsys):
    assert main(["plan", "--calls", "5000"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "5,000 calls a month of 3 minutes, 7 calls at the busiest moment" in printed
    assert "sum, with the minutes at list prices" in printed
    assert "minutes of elevenlabs" in printed
    assert main(["plan", "--calls", "5000", "--json", "--vendor", "deepgram", "--cloud", "aws"]) == 0
    aws = json.loads(capsys.readouterr().out)["clouds"]["aws"]
    assert aws["parts"]["agent"] == 15_000 * 0.075
    assert aws["parts"]["exotel"] == pytest.approx((15_000 + 2500) * 0.0059)
    assert aws["usd_a_month"] == pytest.approx(
        aws["infrastructure_usd_a_month"] + aws["parts"]["agent"] + aws["parts"]["exotel"]
    )


def test_without_a_terminal_the_calls_must_be_said(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["plan"]) == 2
    assert capsys.readouterr().err == "plan: --calls N: how many calls a month?\n"


async def test_the_page_asks_for_what_the_command_prints(capsys):
    assert main(["plan", "--calls", "5000", "--vendor", "openai", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([])
    page = PlanPage(lambda query: of_query(options, planners(options), query))
    async with open_page(PAGE, page.routes()) as url, aiohttp.ClientSession() as http:
        async with http.get(f"{url}api/plan?calls=5000&vendor=openai") as response:
            assert await response.json() == printed
        async with http.get(f"{url}api/plan?calls=5000&vendor=nobody") as response:
            assert response.status == 400
            assert "expected one of elevenlabs" in await response.text()
