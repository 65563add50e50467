"""A rehearsal finds the fault that was planted into an agent, and blames nothing else."""

import shutil

import pytest

from console.rehearse import report, results
from console.rehearse.relays import local
from console.rehearse.results import Results
from console.rehearse.runs import Limits, Rehearsal
from console.rehearse.suite import load
from console.rehearse.voices import Voices
from sim import virtual_time
from sim.speech import ASSETS

SUITE = """
title = "Planted"
[expect]
said = ["open from|खुले हैं"]
figures = ["1500"]
"""
ASKS = """
title = "Asks for the hours, then for a human"
[line]
echo_ms = 300
echo_db = -14
[[steps]]
when = "agent finished 800 ms"
say = "file:caller_hours.wav"
[[steps]]
when = "agent finished 800 ms"
say = "file:caller_complaint.wav"
[expect]
transfer = "front_desk"
language = "en"
answer_p95 = 2500
longest_silence = 6000
talk_over = 1000
"""
CUTS_IN = """
title = "Cuts in"
[[steps]]
when = "agent finished 800 ms"
say = "file:caller_hours.wav"
[[steps]]
when = "agent speaking 1 s"
say = "file:caller_interrupts.wav"
[expect]
stopped_within = 800
transfer = "front_desk"
"""


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
    for name in ("caller_hours", "caller_complaint", "caller_interrupts"):
        shutil.copy(ASSETS / f"{name}.wav", folder)
    return folder


def rehearse(folder, suite, fault="", **how):
    """Play the suite at a relay whose agent has this fault, in virtual time."""
    (folder / "agents.toml").write_text(
        'default = "planted"\n[agents.planted]\nvendor = "bot"\nid = "tests.support.planted_bot:PlantedBot"\n'
        f'echo_guard = "off"\noptions = {{ fault = "{fault}" }}\n'  # or the relay would save it from itself
    )
    found = load(str(suite))
    played = []

    async def whole():
        async with local({"AGENTS_FILE": str(folder / "agents.toml")}, folder / "data") as relay:
            rehearsal = Rehearsal(found, relay, Voices(found, folder / "voices"))
            rehearsal.check()
            await rehearsal.play(
                **{"times": 1, "parallel": 1, "limits": Limits(100, 60), "on_played": played.append, **how}
            )

    virtual_time.run(whole())
    return Results(found, played)


@pytest.mark.parametrize(
    ("fault", "blamed"),
    [
        ("", set()),
        ("slow", {"answer_p95"}),
        ("interrupts_itself", {"interruptions"}),
        ("forgets_tool", {"transfer"}),
        ("wrong_language", {"language"}),
        ("wrong_figure", {"figures"}),
        ("dead_air", {"longest_silence"}),
    ],
)
def test_each_fault_is_found_by_its_expectation_alone(tmp_path, suite, fault, blamed):
    (suite / "asks.toml").write_text(ASKS, encoding="utf-8")
    [call] = rehearse(tmp_path, suite, fault).played
    assert {finding.expectation for finding in call.findings} == blamed, call.findings
    assert call.ear.any()
    assert call.mouth.any()


@pytest.mark.parametrize(("fault", "blamed"), [("", set()), ("talks_on", {"stopped_within"})])
def test_an_agent_that_talks_on_when_the_caller_cuts_in_is_found(tmp_path, suite, fault, blamed):
    (suite / "cuts_in.toml").write_text(CUTS_IN, encoding="utf-8")
    [call] = rehearse(tmp_path, suite, fault).played
    assert {finding.expectation for finding in call.findings} == blamed, call.findings


def test_a_back_channel_that_stops_the_agent_is_found(tmp_path, suite):
    """The planted bot is stopped by anything: a "yes, yes" is a failure of its own, without any expectation."""
    (suite / "yes.toml").write_text(
        CUTS_IN.replace('say = "file:caller_interrupts.wav"', 'say = "file:caller_interrupts.wav"\nback_channel = true')
        .replace("stopped_within = 800", "")
    )  # fmt: skip
    [call] = rehearse(tmp_path, suite).played
    assert [finding.expectation for finding in call.findings] == ["interruptions"]


def test_a_network_makes_the_agent_answer_later_as_it_does_for_people(tmp_path, suite):
    (suite / "asks.toml").write_text(ASKS, encoding="utf-8")
    [near] = rehearse(tmp_path, suite).played
    (suite / "asks.toml").write_text(ASKS.replace("[line]", "[line]\nlatency_ms = 150"), encoding="utf-8")
    [far] = rehearse(tmp_path, suite).played
    later = far.observed.timing.answers[0] - near.observed.timing.answers[0]
    assert 240 <= later <= 400, "there and back"


def test_reactions_wait_for_the_agents_words(tmp_path, suite):
    (suite / "reacts.toml").write_text(
        'title = "Hangs up at the price"\n[[steps]]\nsay = "file:caller_hours.wav"\n'
        '[[reactions]]\nwhen = "agent says ~ fifteen hundred"\nhang_up = true\n'
        '[expect]\nend_reason = "caller_hung_up"\n'
    )
    [call] = rehearse(tmp_path, suite).played
    assert call.passed, call.findings
    assert call.observed.duration_s < 20


def test_every_caller_is_played_as_often_as_asked_and_no_longer_than_paid_for(tmp_path, suite):
    (suite / "asks.toml").write_text(ASKS, encoding="utf-8")
    (suite / "again.toml").write_text(ASKS, encoding="utf-8")
    found = rehearse(tmp_path, suite, times=3, parallel=2)
    assert sorted((call.caller.name, call.number) for call in found.played) == [
        (name, number) for name in ("again", "asks") for number in (1, 2, 3)
    ]
    assert str(found.rate) == "6 of 6 (61% to 100%)"
    # calls of 20 s: two at once use up half a minute, the next two are the last
    assert len(rehearse(tmp_path, suite, times=3, parallel=2, limits=Limits(100, 0.75)).played) == 4
    assert len(rehearse(tmp_path, suite, times=3, parallel=1, limits=Limits(5, 60)).played) == 5


def test_a_load_test_starts_all_within_its_ramp(tmp_path, suite):
    (suite / "asks.toml").write_text(ASKS, encoding="utf-8")
    found = rehearse(tmp_path, suite, times=10, ramp_s=5.0)
    assert found.rate.passed == 10
    assert found.figures()["answer_p95_ms"] < 1000


def test_the_report_and_the_files_for_machines_tell_the_same(tmp_path, suite):
    (suite / "asks.toml").write_text(ASKS, encoding="utf-8")
    good, bad = rehearse(tmp_path, suite), rehearse(tmp_path, suite, "wrong_figure")
    results.write_json(good, tmp_path / "good.json")
    before = results.read(tmp_path / "good.json")
    comparison = results.compare(bad, before)
    assert comparison.same_callers
    assert comparison.overall.value == -1.0

    report.write(bad, comparison, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The agent did not read out 1500." in page
    assert "data:audio/flac;base64," in page
    assert "Against the baseline" in page
    assert "$" not in page.partition("<main>")[2].replace("data:", "")

    results.write_junit(bad, tmp_path / "junit.xml")
    xml = (tmp_path / "junit.xml").read_text()
    assert '<testsuite name="Planted" tests="1" failures="1" errors="0">' in xml
    assert 'type="figures" message="The agent did not read out 1500."' in xml

    (suite / "asks.toml").write_text(ASKS + "# changed\n", encoding="utf-8")
    assert not results.compare(bad, before).same_callers
