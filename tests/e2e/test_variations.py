"""The same two calls over every rate, format, spelling and frame size that the outside world may come up with.

Whatever it is, the agent must make out the caller, the caller must hear every line whole and as loud as it was sent,
and no rule may be broken.
"""

import msgspec
import pytest

from relay.agents.elevenlabs.fake_shapes import FORMATS
from sim import virtual_time
from sim.exotel_spelling import Spelling
from sim.in_process import in_process
from sim.run import play
from sim.scenario import load


def played(scenario, folder):
    async def whole_call():
        async with in_process(scenario, folder) as world:
            return await play(scenario, world)

    return virtual_time.run(whole_call())


def changed(name, *, line=None, agent=None, relay=None):
    scenario = load(name)
    return msgspec.structs.replace(
        scenario,
        line=msgspec.structs.replace(scenario.line, **(line or {})),
        agent=msgspec.structs.replace(scenario.agent, **(agent or {})),
        relay={**scenario.relay, **(relay or {})},
    )


@pytest.mark.parametrize("audio_format", FORMATS)
def test_every_format_of_the_agent(audio_format, tmp_path):
    scenario = changed("greeting_goodbye", agent={"input_format": audio_format, "output_format": audio_format})
    assert played(scenario, tmp_path).failures == ()


@pytest.mark.parametrize(
    ("rate", "input_format", "output_format"),
    [(8000, "pcm_16000", "ulaw_8000"), (16000, "pcm_16000", "pcm_24000"), (24000, "ulaw_8000", "pcm_24000")],
)
def test_every_rate_of_the_line(rate, input_format, output_format, tmp_path):
    scenario = changed(
        "greeting_goodbye",
        line={"query": f"sample-rate={rate}"},
        agent={"input_format": input_format, "output_format": output_format},
    )
    outcome = played(scenario, tmp_path)
    assert outcome.failures == ()
    assert outcome.call.rate_hz == rate


@pytest.mark.parametrize(
    "spelling",
    [
        Spelling(numbers=True),
        Spelling(camel_case=True),
        Spelling(numbers=True, camel_case=True, flat_dtmf=True),
    ],
    ids=["numbers", "camel case", "both"],
)
def test_every_spelling_of_the_line(spelling, tmp_path):
    assert played(changed("dtmf", line={"spelling": spelling}), tmp_path).failures == ()


@pytest.mark.parametrize("chunk_size", [320, 640, 3200])
def test_every_frame_size(chunk_size, tmp_path):
    outcome = played(changed("barge_in", relay={"CHUNK_SIZE": str(chunk_size)}), tmp_path)
    assert outcome.failures == ()
    assert outcome.figures.ahead_max_ms <= 2 * chunk_size // 16, "at most two frames ahead of real time"


@pytest.mark.parametrize(
    "agent",
    [
        {"interruption_carries_next_id": True},
        {"late_chunk": False},
        {"burst_speed": 50.0},
        {"burst_speed": 4.0, "chunk_ms": (10, 30)},
        {"chunk_ms": (3000, 6000)},
    ],
    ids=["next id", "no late chunk", "all at once", "slowly, in small pieces", "in large pieces"],
)
def test_every_way_of_sending_and_interrupting(agent, tmp_path):
    assert played(changed("barge_in", agent=agent), tmp_path).failures == ()


def test_louder_ambience_does_not_touch_the_speech(tmp_path):
    outcome = played(changed("barge_in", relay={"BACKGROUND_SOUND_VOLUME": "0.6"}), tmp_path)
    assert outcome.failures == ()


def test_without_ambience_no_silence_is_sent(tmp_path):
    scenario = changed("greeting_goodbye", relay={"BACKGROUND_SOUND_FILE": ""})
    expect = msgspec.structs.replace(scenario.expect, gaps="any")
    outcome = played(msgspec.structs.replace(scenario, expect=expect), tmp_path)
    assert outcome.failures == ()
