"""How long the caller waited, as the record has it, against the fakes, which know: whole calls in virtual time."""

import numpy as np
import pytest

from relay.audio.levels import SPEECH_DB, block_levels
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.speech import spoken
from sim.timeline import Timeline
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

RATE = 8000
MARGIN_S = 0.04  # of quiet at both ends of each line (scripts/make_speech.py)
WITHIN_MS = 20
FORMATS = {"input_format": "pcm_8000", "output_format": "pcm_8000"}


def said_until(result, index: int) -> float:
    """When the caller's line `index` had been spoken."""
    at_s, name = result.said_lines[index]
    return at_s + len(spoken(name, RATE)) / RATE - MARGIN_S


def first_loud_after(sound, at_s: float) -> float:
    """When speech is heard again after a silence of at least 200 ms that begins at `at_s` or later."""
    loud = block_levels(sound, RATE) >= SPEECH_DB
    first = round(at_s * 100)
    return (first + int(np.argmax(loud[first:]))) / 100


def answered(record) -> list[dict]:
    return [turn for turn in record["turns"] if "answer_ms" in turn]


@pytest.mark.parametrize("ambience", ["", "office"])
@virtual
async def test_each_turn_says_how_long_the_caller_waited_for_it(tmp_path, ambience):
    agent = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="heard:caller_hours", say=("agent_hours",)),
            Reply(on="heard:caller_thanks", say=("agent_goodbye",), end_call=True),
        ),
        **FORMATS,
    )
    script = (
        Step(when=When.AGENT_FINISHED, ms=700, say="caller_hours"),
        Step(when=When.AGENT_FINISHED, ms=900, say="caller_thanks"),
    )
    settings = {"ambience": ambience, "ambience_volume": 0.01}
    async with relay_world(tmp_path, agent, settings=settings) as world:
        result = await world.call(script=script)
        record = world.record(result.call_sid)
    turns = answered(record)
    assert [turn["answers"] for turn in turns] == ["speech", "speech"]
    for index, turn in enumerate(turns):
        ended = said_until(result, index)
        heard = first_loud_after(result.heard, ended)
        assert turn["answer_ms"] == pytest.approx((heard - ended) * 1000, abs=WITHIN_MS)
        assert turn["answer_ms"] == turn["agent_ms"] + turn["relay_ms"]
        assert 0 <= turn["relay_ms"] <= (220 if ambience else 25)
    waits = sorted(turn["answer_ms"] for turn in turns)
    assert record["quality"]["answer_ms"] == {"p50": waits[0], "p95": waits[1], "max": waits[1], "n": 2}
    greeting = first_loud_after(result.heard, 0.0)
    assert record["quality"]["first_audio_ms"] == pytest.approx(greeting * 1000, abs=WITHIN_MS)


@virtual
async def test_keys_and_tools_are_answered_too(tmp_path):
    agent = AgentScript(
        replies=(
            Reply(on="start", say=("agent_greeting",)),
            Reply(on="keys:4#", say=("agent_digits",), tool=ToolUse("control_background_sound", {"volume": 0.1})),
            Reply(on="tool:control_background_sound", say=("agent_hours",)),
        ),
        **FORMATS,
    )
    script = (
        Step(when=When.AGENT_FINISHED, ms=700, press="4#"),
        Step(when=When.AT, ms=16_000, hang_up=True),
    )
    async with relay_world(tmp_path, agent) as world:
        timeline = Timeline()
        result = await FakeExotel(timeline=timeline).call(CallPlan(url=world.media_url, script=script))
        record = world.record(result.call_sid)
    to_keys, to_tool = answered(record)
    assert (to_keys["answers"], to_tool["answers"]) == ("keys", "tool")
    pressed = [each.at for each in timeline.happenings if each.what == "presses"][-1] - result.started_at
    waited = first_loud_after(result.heard, pressed) - pressed
    assert to_keys["answer_ms"] == pytest.approx(1000 * waited, abs=WITHIN_MS)
    assert record["quality"]["answer_ms"]["n"] == 2


@virtual
async def test_an_agent_that_cuts_into_the_callers_words_has_no_answer_time(tmp_path):
    """It takes a pause for the end: the caller goes on, and nobody has waited."""
    agent = AgentScript(
        replies=(Reply(on="start", say=("agent_greeting",)), Reply(on="heard:caller_bill", say=("agent_hours",))),
        quiet_after_ms=100,
        **FORMATS,
    )
    script = (
        Step(when=When.AT, ms=5000, say="caller_bill"),
        Step(when=When.AT, ms=16_000, hang_up=True),
    )
    async with relay_world(tmp_path, agent) as world:
        result = await world.call(script=script)
        record = world.record(result.call_sid)
    for turn in answered(record):
        assert turn["answer_ms"] >= 40
    assert result.heard.any()


@virtual
async def test_levels_are_those_of_the_lines(tmp_path):
    agent = AgentScript(
        replies=(Reply(on="start", say=("agent_clinics",)), Reply(on="heard:caller_bill", say=("agent_hours",))),
        **FORMATS,
    )
    script = (Step(when=When.AGENT_FINISHED, ms=700, say="caller_bill"), Step(when=When.AT, ms=26_000, hang_up=True))
    async with relay_world(tmp_path, agent, settings={"ambience": "office", "ambience_volume": 0.3}) as world:
        result = await world.call(script=script)
        record = world.record(result.call_sid)
    assert record["agents"][0]["level_db"] == pytest.approx(-21, abs=1)
    assert record["agents"][0]["clipped"] == 0
    assert record["quality"]["caller_level_db"] == pytest.approx(-21, abs=1.5)
    assert record["quality"]["caller_clipped"] == 0
    assert record["quality"]["ambience_level_db"] == pytest.approx(-40.5, abs=0.2)
