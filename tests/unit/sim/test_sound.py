import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.sound import FORMATS, AudioFormat, base64_decoded, level_db, mulaw_decoded, mulaw_encoded, resampled


def test_mulaw_by_the_book():
    """Values of G.711's table: zero, the smallest step, the ends."""
    assert mulaw_encoded(np.array([0, 32767, -32768], np.int16)) == bytes((0xFF, 0x80, 0x00))
    assert mulaw_decoded(bytes((0xFF, 0x7F, 0x80, 0x00, 0xFE))).tolist() == [0, 0, 32124, -32124, 8]


def test_every_mulaw_code_survives_a_round_trip():
    codes = bytes(code for code in range(256) if code != 0x7F)  # minus zero becomes zero
    assert mulaw_encoded(mulaw_decoded(codes)) == codes


@given(st.lists(st.integers(-32768, 32767), min_size=1))
def test_mulaw_is_never_further_off_than_its_step(samples):
    pcm = np.array(samples, np.int16)
    error = np.abs(mulaw_decoded(mulaw_encoded(pcm)).astype(int) - np.clip(pcm.astype(int), -32124, 32124))
    assert (error <= np.maximum(8, np.abs(pcm.astype(int)) / 16)).all()


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name):
    audio_format = AudioFormat(name)
    pcm = np.arange(-800, 800, dtype=np.int16)
    data = audio_format.encoded(pcm)
    assert len(data) == pcm.size * audio_format.sample_bytes
    assert np.abs(audio_format.decoded(data).astype(int) - pcm).max() <= (0 if name.startswith("pcm") else 64)
    assert audio_format.rate_hz == int(name.split("_")[1])


def test_an_unknown_format():
    with pytest.raises(ValueError, match="'opus_48000': expected one of pcm_8000"):
        AudioFormat("opus_48000")


def test_pcm_is_little_endian_and_half_a_sample_is_left_out():
    assert AudioFormat("pcm_8000").decoded(struct.pack("<hh", 1, -2) + b"\x07").tolist() == [1, -2]


def test_levels():
    assert level_db(np.full(160, 32767, np.int16)) == pytest.approx(0, abs=0.1)
    assert level_db(np.full(160, 328, np.int16)) == pytest.approx(-40, abs=0.1)
    assert level_db(np.zeros(160, np.int16)) == level_db(np.zeros(0, np.int16)) == -100


def test_resampling_keeps_length_and_pitch():
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16)
    higher = resampled(tone, 8000, 24000)
    assert higher.size == 24000
    assert np.argmax(np.abs(np.fft.rfft(higher))) == 440
    assert resampled(tone, 8000, 8000) is tone


def test_base64_is_strict():
    assert base64_decoded("AAEC") == b"\0\1\2"
    for wrong in ("AAE", "AA EC", "AA-_", "ÄÖ=="):
        assert base64_decoded(wrong) is None
