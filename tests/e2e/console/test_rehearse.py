"""`console rehearse` as it is typed: a real relay, a voice that espeak-ng speaks, the report and the exit status."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from sim.processes import ROOT
from tests.support.terraform import cannot_run

SUITE = 'title = "A suite of ten lines"\nvoice = "en"\n[voices.en]\nespeak = "en-gb"\n'
CALLER = """
title = "Asks for the hours"
[[steps]]
when = "agent finished"
say = "What are your opening hours?"
[[steps]]
when = "agent finished"
hang_up = true
[expect]
said = ["open from"]
figures = ["{figure}"]
"""


LEAVES = """
title = "Hangs up at once"
[[steps]]
when = "at 1 s"
hang_up = true
[expect]
said = ["{figure}"]
"""


def rehearse(folder, figure, *more, caller=CALLER):
    suite = folder / "suite"
    suite.mkdir(exist_ok=True)
    (suite / "suite.toml").write_text(SUITE)
    (suite / "asks.toml").write_text(caller.format(figure=figure))
    (folder / "agents.toml").write_text(
        '[agents.planted]\nvendor = "bot"\nid = "tests.support.planted_bot:PlantedBot"\noptions = {}\n'
    )
    environment = {"PATH": os.environ["PATH"], "AGENTS_FILE": str(folder / "agents.toml"), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "console", "rehearse", str(suite), "--out", str(folder / "out"), *more]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(autouse=True)
def _voice():
    if shutil.which("espeak-ng") is None:
        cannot_run("espeak-ng is not installed")


def test_a_call_as_expected_is_status_0_and_leaves_its_report(tmp_path):
    done = rehearse(tmp_path, "1500", "--yes", "--junit", str(tmp_path / "junit.xml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 (21% to 100%) calls as expected" in done.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["rates"] == {"asks": {"passed": 1, "runs": 1}}
    assert (tmp_path / "out" / "report.html").read_text().count("<audio") == 1
    assert (tmp_path / "junit.xml").exists()


def test_a_call_not_as_expected_is_status_1_and_a_rate_may_be_allowed(tmp_path):
    done = rehearse(tmp_path, "goodbye", "--yes", caller=LEAVES)
    assert done.returncode == 1
    assert "The agent never said /goodbye/." in done.stdout
    assert rehearse(tmp_path, "goodbye", "--yes", "--min-rate", "0", caller=LEAVES).returncode == 0


def test_a_load_test_says_what_the_relay_carried(tmp_path):
    done = rehearse(tmp_path, "goodbye", "--yes", "--calls", "3", "--ramp", "0.3", "--min-rate", "0", caller=LEAVES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 calls placed, 3 at once." in done.stdout
    assert "Holes in the sound: " in done.stdout
    figures = json.loads((tmp_path / "out" / "results.json").read_text())["load"]
    assert (figures["placed"], figures["refused"], figures["at_once"]) == (3, 0, 3)
    assert figures["first_words"]["count"] == 3
    assert "<h2>Under load</h2>" in (tmp_path / "out" / "report.html").read_text()


def test_calls_that_cost_money_are_not_placed_without_being_asked_for(tmp_path):
    done = rehearse(tmp_path, "1500")
    assert done.returncode == 2
    assert "A suite of ten lines: 1 call at a relay in this process, at most 2 minutes." in done.stdout
    assert "no terminal to ask on: give --yes" in done.stderr
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--times", "0"), "--times: expected 1 or more"),
        (("--baseline", "nothing.json"), "nothing.json: expected a results.json of an earlier rehearsal"),
        (("--max-cost", "1"), "--max-cost: expected price_per_minute in suite.toml"),
        (("--relay", "https://x"), "--relay: expected the media URL of a relay"),
        (("--relay", "wss://x/media/t", "--store", "nothing"), "--store: expected file:DIR"),
    ],
)
def test_what_can_not_be_used_is_one_line_and_status_2(tmp_path, more, says):
    done = rehearse(tmp_path, "1500", "--yes", *more)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"rehearse: {says}")
