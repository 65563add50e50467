"""Sound that is one byte off is put right, and no other sound is taken for it."""

import numpy as np
import pytest

from relay.audio import pcm
from relay.audio.convert import AudioFormat, Converter, Encoding
from relay.audio.slip import one_byte_off
from sim.speech import lines, spoken
from tests.unit.relay.tone import noise, sine

RATE = 8000
RATES = (8000, 24_000)


def loud(sound, gain: float):
    return np.clip(np.rint(sound.astype(float) * gain), -32768, 32767).astype(np.int16)


def pieces(data: bytes, seconds: float, rate_hz: int) -> list[bytes]:
    size = 2 * round(seconds * rate_hz)
    return [data[at : at + size] for at in range(0, len(data), size)]


def put_right(data: bytes, seconds: float, rate_hz: int):
    """What becomes of `data` in pieces, as samples; and how often it was found to be off."""
    sound = AudioFormat(Encoding.PCM, rate_hz)
    converter = Converter(sound, sound, realigned=True)
    whole = b"".join(converter.convert(piece) for piece in pieces(data, seconds, rate_hz))
    return np.frombuffer(whole, np.int16).astype(int), converter.slips


@pytest.mark.parametrize("gain", [0.3, 1.0, 6.0])
@pytest.mark.parametrize("rate_hz", RATES)
def test_an_utterance_that_begins_one_byte_off_is_heard_as_it_was_meant(rate_hz, gain):
    """A bot that took 43 bytes for the header of its file: noise at full scale to the utterance's end."""
    meant = loud(spoken("agent_hours", rate_hz), gain)
    heard, slips = put_right(meant.tobytes()[1:], 0.4, rate_hz)
    assert slips == 1
    assert np.array_equal(heard, meant[1 : len(heard) + 1])


@pytest.mark.parametrize("piece_s", [0.02, 0.1])
def test_in_small_pieces_it_is_found_as_soon_as_words_are_loud(piece_s):
    meant = spoken("agent_hours")
    heard, slips = put_right(meant.tobytes()[1:], piece_s, RATE)
    assert slips == 1
    off = np.flatnonzero(heard != meant[1 : len(heard) + 1])
    assert len(off) < 0.1 * RATE + np.argmax(np.abs(meant) > 1000)


def test_a_byte_that_is_lost_in_the_middle_costs_a_hundredth_of_a_second():
    meant = spoken("agent_hours")
    data = meant.tobytes()
    lost = 2 * RATE + 1
    heard, slips = put_right(data[:lost] + data[lost + 1 :], 0.4, RATE)
    assert slips == 1
    off = np.flatnonzero(heard[: len(meant) - 1] != meant[: len(heard)][: len(meant) - 1])
    assert np.array_equal(heard[: lost // 2], meant[: lost // 2])
    assert np.array_equal(heard[lost // 2 + 160 :], meant[lost // 2 + 161 :][: len(heard) - lost // 2 - 160])
    assert off[0] >= lost // 2


def real_sounds(rate_hz: int):
    """Loud speech up to far too loud, hisses and drums of any level, tones: what may be taken for noise."""
    for name in lines():
        for gain in (2, 8, 40):
            yield loud(spoken(name, rate_hz), gain)
    hiss = np.random.default_rng(1).standard_normal(4 * rate_hz)
    for level_db in (-12, -6, -4.8, 0, 6):
        yield loud(hiss, 32768 * 10 ** (level_db / 20))
        yield loud(np.diff(hiss), 32768 * 10 ** (level_db / 20))
    yield noise(4 * rate_hz, level=32_767)
    drum = np.exp(-np.arange(rate_hz // 4) / (0.05 * rate_hz))
    yield loud(hiss[: len(drum) * 16] * np.tile(drum, 16), 30_000)
    yield sine(hz=rate_hz / 4 + 7, rate_hz=rate_hz, seconds=2, level=32_000)


@pytest.mark.parametrize("law", ["as it is", "μ-law", "A-law"])
def test_no_sound_is_taken_for_one_that_is_off(law):
    """Loud and white is not enough: clipped words are, five times a minute. Nor is smoother sound from the next byte
    on: loud A-law has few values, and its low bytes hardly change."""
    codecs = {"μ-law": (pcm.ulaw_encode, pcm.ulaw_decode), "A-law": (pcm.alaw_encode, pcm.alaw_decode)}
    for rate_hz in RATES:
        for sound in real_sounds(rate_hz):
            if law in codecs:
                write, read = codecs[law]
                sound = read(write(sound))
            found = [one_byte_off(piece, rate_hz) for piece in pieces(sound.tobytes(), 0.1, rate_hz)]
            assert set(found) == {None}


def test_a_hundredth_of_a_second_proves_nothing():
    words = spoken("agent_hours")
    louder = int(np.argmax(np.abs(words))) // 80 * 80
    data = words[louder : louder + 240].tobytes()
    assert one_byte_off(data[:160] + data[159:319] + data[320:], RATE) is None
    assert one_byte_off(data[1:], RATE) == 0


def test_sound_of_eight_bits_is_left_alone():
    hiss = noise(4 * RATE, level=32_767) // 256 * 256
    assert one_byte_off(hiss.astype(np.int16).tobytes(), RATE) is None


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(3), bytes(319), b"\xff\x7f" * 160])
def test_what_is_short_or_silent_is_left_alone(data):
    assert one_byte_off(data, RATE) is None
