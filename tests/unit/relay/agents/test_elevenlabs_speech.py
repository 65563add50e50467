"""When an ElevenLabs agent's goodbye is over, by the sound that it sent."""

import asyncio

from relay.agents.elevenlabs.codec import FORMATS, AudioChunk
from relay.agents.elevenlabs.speech import Speech
from relay.agents.seam import Audio, UtteranceDone
from tests.support.virtual import virtual

SECOND = bytes(16_000)


def speaking():
    speech = Speech()
    speech.format = FORMATS["pcm_8000"]
    return speech


@virtual
async def test_a_goodbye_is_over_when_all_that_was_said_would_have_been_played():
    speech, began = speaking(), asyncio.get_running_loop().time()
    assert speech.heard(AudioChunk(SECOND * 3, 1)) == [Audio(SECOND * 3, "1")]
    await asyncio.sleep(1)
    speech.hang_up()
    assert speech.goodbye_by == began + 3.7
    assert speech.heard(AudioChunk(SECOND, 1, is_final=True)) == [Audio(SECOND, "1"), UtteranceDone("1")]
    assert speech.goodbye_by == began + 4.7


@virtual
async def test_what_was_cut_off_is_not_waited_for():
    speech = speaking()
    speech.heard(AudioChunk(SECOND * 30, 1))
    speech.interrupted(1)
    speech.hang_up()
    assert speech.goodbye_by == asyncio.get_running_loop().time() + 5
    assert speech.heard(AudioChunk(SECOND, 1)) is None
