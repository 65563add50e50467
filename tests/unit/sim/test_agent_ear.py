import numpy as np
import pytest

from sim.agent_ear import AgentEar, SpeechBegan, SpeechEnded, made_out
from sim.sound import FORMATS, AudioFormat, resampled
from sim.speech import lines, spoken

CALLER_LINES = [name for name, line in lines().items() if line.speaker == "caller"]


def events(ear, data, chunk):
    """(byte place, event) as the sound comes in pieces of `chunk` bytes."""
    return [
        (place + chunk, event)
        for place in range(0, len(data), chunk)
        for event in ear.hear(data[place : place + chunk])
    ]


def with_quiet(pcm, rate, before_ms=400, after_ms=1000):
    return np.concatenate(
        [np.zeros(rate * before_ms // 1000, np.int16), pcm, np.zeros(rate * after_ms // 1000, np.int16)]
    )


@pytest.mark.parametrize("name", FORMATS)
def test_speech_begins_ends_and_is_made_out_in_every_format(name):
    audio_format = AudioFormat(name)
    rate = audio_format.rate_hz
    ear = AgentEar(audio_format, -40.0, 300, 600)
    pcm = with_quiet(spoken("caller_clinics", rate), rate)
    (began_at, began), (ended_at, ended) = events(ear, audio_format.encoded(pcm), 999 * audio_format.sample_bytes)
    seconds = rate * audio_format.sample_bytes
    assert isinstance(began, SpeechBegan)
    assert 0.7 <= began_at / seconds <= 1.1
    assert isinstance(ended, SpeechEnded)
    line_ends = 0.4 + spoken("caller_clinics").size / 8000
    assert line_ends + 0.4 <= ended_at / seconds <= line_ends + 0.8
    assert made_out(ended.pcm, rate, CALLER_LINES)[0] == "caller_clinics"
    assert ear.seconds == pytest.approx(pcm.size / rate)


def test_a_cough_is_not_speech():
    ear = AgentEar(AudioFormat("pcm_8000"), -40.0, 300, 600)
    cough = np.full(800, 6000, np.int16)
    assert events(ear, with_quiet(cough, 8000).tobytes(), 320) == []


def test_two_sentences_are_two():
    ear = AgentEar(AudioFormat("pcm_8000"), -40.0, 300, 600)
    pcm = np.concatenate([with_quiet(spoken(name), 8000) for name in ("caller_hours", "caller_thanks")])
    found = [made_out(event.pcm, 8000, CALLER_LINES)[0] for _, event in events(ear, pcm.tobytes(), 320)[1::2]]
    assert found == ["caller_hours", "caller_thanks"]


@pytest.mark.parametrize("name", CALLER_LINES)
def test_lines_are_kept_apart(name):
    others = [other for other in CALLER_LINES if other != name]
    assert made_out(spoken(name), 8000, CALLER_LINES) == (name, pytest.approx(1.0, abs=0.01))
    assert made_out(spoken(name), 8000, others)[0] == ""


@pytest.mark.parametrize("rate", [7200, 16000], ids=["10 % too high", "an octave too low"])
def test_a_wrong_pitch_is_not_made_out(rate):
    """16 kHz sound played as 8 kHz is the most common fault of such bridges (exotel.md 5)."""
    assert made_out(resampled(spoken("caller_hours"), rate, 8000), 8000, CALLER_LINES)[0] == ""


def test_a_line_with_a_hole_of_half_its_length_is_not_made_out():
    pcm = spoken("caller_bill").copy()
    pcm[8000:32000] = 0
    assert made_out(pcm, 8000, CALLER_LINES)[1] < 0.8
    assert made_out(np.zeros(8000, np.int16), 8000, CALLER_LINES) == ("", 0.0)
    assert made_out(pcm, 8000, []) == ("", 0.0)
