"""What the latest records say of the calls' sound."""

import json
import os

import aiohttp
import pytest

from console.checks.subject import Subject
from console.doctor.calls import CHECKS, examine, look, newest
from functions.common.store import open_store
from tests.support.virtual import virtual


def record(alias="reception", level_db: float | None = -20.0, **quality):
    return {"schema": 1, "agents": [{"alias": alias, "level_db": level_db}], "quality": quality}


def said(*records):
    """check → (verdict, what was found and advised)."""
    return {one.check: (one.verdict.value, f"{one.found} {one.advice}") for one in look(records)}


def test_calls_without_echo_at_a_usual_level_pass():
    found = said(record(echo_db=None, echo_muted_ms=0), record(level_db=None), {})
    assert {check: verdict for check, (verdict, _) in found.items()} == dict.fromkeys(CHECKS, "pass")
    assert {verdict for verdict, _ in said().values()} == {"pass"}
    assert "no record yet" in said()["calls.echo"][1]


def test_one_call_of_one_agent_is_counted_as_one():
    assert "in the latest 1 call" in said(record())["calls.echo"][1]
    assert "1 agent measured" in said(record())["calls.level"][1]
    assert "no agent's level is known" in said(record(level_db=None))["calls.level"][1]


def test_an_echo_that_was_kept_from_the_agent_is_told_with_its_level():
    echoes = [record(echo_db=level, echo_muted_ms=2400) for level in (-14.2, -12.1, -30.0)]
    verdict, text = said(*echoes, record())["calls.echo"]
    assert verdict == "pass"
    assert "in 3 of the latest 4 calls" in text
    assert "-14 dB" in text


def test_an_echo_that_the_agent_heard_is_a_warning_that_says_what_to_look_at():
    """ECHO_CALLS was used up, or the guard is off: the callers were interrupted by nobody."""
    verdict, text = said(record(echo_db=-12.0, echo_muted_ms=0), record(echo_db=-12.0, echo_muted_ms=900))["calls.echo"]
    assert verdict == "warn"
    assert "in 1 of them the agent may have heard itself" in text
    assert "ECHO_CALLS" in text
    assert "echo_guard" in text


@pytest.mark.parametrize(
    ("level_db", "words", "gain"),
    [(-29.0, "9 dB too quietly", "gain_db = 9"), (-12.0, "8 dB too loudly", "gain_db = -8")],
)
def test_an_agent_at_another_level_is_named_with_the_gain_it_needs(level_db, words, gain):
    found = [one for one in look([record(), record("night", level_db)]) if one.check == "calls.level"]
    assert [one.verdict.value for one in found] == ["warn"]
    assert "'night'" in found[0].found
    assert words in found[0].found
    assert gain in found[0].advice


def test_an_agent_that_the_relay_brings_to_its_level_is_not_named():
    """`level_db` is that of what the agent sends: the advice to set `level` never went away."""
    raised = record("night", -31.0)
    raised["agents"][0]["gain_db"] = 11.0
    assert said(record(), raised)["calls.level"][0] == "pass"


def test_only_the_newest_are_looked_at(tmp_path):
    store = open_store(f"file:{tmp_path}")
    for number in range(103):
        store.create(f"logs/c{number:03}.json", json.dumps(record(echo_db=-number)).encode())
        os.utime(tmp_path / f"logs/c{number:03}.json", (1e9 + number, 1e9 + number))
    store.create("logs/broken.json", b"{")
    assert sorted(-one["quality"]["echo_db"] for one in newest(store) if one) == list(range(4, 103))


@virtual
@pytest.mark.parametrize("given", [{}, {"STORE": "ftp://records"}])
async def test_without_a_store_nothing_can_be_told(given):
    async with aiohttp.ClientSession() as session:
        found = [one async for one in examine(Subject(environ=given, session=session))]
    assert [(one.check, one.verdict.value) for one in found] == [(check, "skipped") for check in CHECKS]
