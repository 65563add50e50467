"""A bot's protocol has no text: the caller's turns come from the sound."""

import numpy as np
import pytest

from relay.agents.seam import CallerHeard, CallerText, CallerTurn
from relay.agents.telephony.caller_turns import WORDLESS, CallerTurns
from relay.audio import pcm
from relay.audio.convert import AudioFormat, Encoding
from tests.unit.relay.tone import noise

RATE = 8000
FRAME = RATE // 50


def events_in(sound, encoding=Encoding.PCM):
    """What the call is told, with the second in which it was."""
    turns = CallerTurns(AudioFormat(encoding, RATE))
    told = []
    for number in range(len(sound) // FRAME):
        frame = sound[number * FRAME : (number + 1) * FRAME]
        data = pcm.ulaw_encode(frame) if encoding is Encoding.ULAW else frame.tobytes()
        told += [(round((number + 1) * 0.02, 2), event) for event in turns.hear(bytes(data), (number + 1) * 0.02)]
    return told


def call(*parts):
    """Seconds of silence, of speech, of silence …"""
    loud = [0, 1] * len(parts)
    made = [noise(round(s * RATE), seed=n) * on for n, (s, on) in enumerate(zip(parts, loud, strict=False), 1)]
    return np.concatenate(made).astype(np.int16)


@pytest.mark.parametrize("encoding", [Encoding.PCM, Encoding.ULAW])
def test_a_turn_begins_goes_on_and_ends_after_a_pause(encoding):
    told = events_in(call(1, 1, 2), encoding)
    assert told[0] == (1.2, CallerTurn("c1"))
    assert told[1] == (1.4, CallerHeard())
    (ended_at, text), (heard_at, heard) = told[-2:]
    assert (text, heard) == (CallerText(WORDLESS, "c1"), CallerHeard())
    assert ended_at == heard_at
    assert 2.7 <= ended_at <= 3.3


def test_a_short_pause_ends_no_turn():
    told = [event for _, event in events_in(call(1, 1, 0.4, 1, 2))]
    assert [event for event in told if event != CallerHeard()] == [CallerTurn("c1"), CallerText(WORDLESS, "c1")]


def test_turns_are_counted():
    told = [event for _, event in events_in(call(1, 1, 2, 1, 2))]
    assert [event.utterance for event in told if event != CallerHeard()] == ["c1", "c1", "c2", "c2"]


def test_a_silent_caller_has_no_turn():
    assert events_in(call(5)) == []


def test_the_hiss_of_a_mu_law_line_is_no_speech():
    """Its bytes, taken for samples, would be loud."""
    hiss = (call(1, 1, 2).astype(np.float32) / 1000).astype(np.int16)
    assert hiss.any()
    assert events_in(hiss, Encoding.ULAW) == []
