"""Samples and G.711 against the standard's own figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.audio import pcm

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int16)

# G.711 table 2a: the value at the start of each segment, on the 14-bit scale, for the codes 0xF0, 0xE0 … 0x80 (all bits
# inverted on the wire), and the step between neighbours in it
SEGMENT_STARTS = [0, 33, 99, 231, 495, 1023, 2079, 4191]
SEGMENT_STEPS = [2, 4, 8, 16, 32, 64, 128, 256]
G711_MAGNITUDES = [
    4 * (start + step * mantissa)
    for start, step in zip(SEGMENT_STARTS, SEGMENT_STEPS, strict=True)
    for mantissa in range(16)
]

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=40).map(lambda values: np.array(values, dtype=np.int16))


def test_every_code_decodes_to_the_value_of_the_standard():
    decoded = pcm.ulaw_decode(EVERY_CODE).tolist()
    assert decoded[0xFF:0x7F:-1] == G711_MAGNITUDES
    assert decoded[0x7F::-1] == [-magnitude for magnitude in G711_MAGNITUDES]
    assert G711_MAGNITUDES[-1] == 32124


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (0xFF, 0),
        (0x7F, 0),
        (0x80, 32124),
        (0x00, -32124),
        (0xFE, 8),
        (0x7E, -8),
        (0xF0, 120),
        (0xEF, 132),
        (0x90, 15996),
        (0x9F, 8316),
    ],
)
def test_known_codes(code, value):
    assert pcm.ulaw_decode(bytes([code])).tolist() == [value]


def test_encoding_undoes_decoding_but_for_the_second_zero():
    assert pcm.ulaw_encode(pcm.ulaw_decode(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_every_sample_is_within_half_a_step_of_its_code():
    """Companding loses at most half the step of the segment; beyond the last code the sample is held, not wrapped."""
    decoded = pcm.ulaw_decode(pcm.ulaw_encode(EVERY_SAMPLE)).astype(np.int32)
    wanted = EVERY_SAMPLE.astype(np.int32)
    magnitude = np.minimum(np.abs(wanted), 32635)
    half_step = (
        4 * np.array(SEGMENT_STEPS)[np.searchsorted([256 * 2**n - 132 for n in range(7)], magnitude, "right")] // 2
    )
    error = np.abs(np.abs(decoded) - magnitude)
    assert (error <= half_step).all()
    assert (np.sign(decoded) * np.sign(wanted) >= 0).all()
    assert decoded[0] == -32124
    assert decoded[-1] == 32124


def test_encoding_is_monotonic():
    assert (np.diff(pcm.ulaw_decode(pcm.ulaw_encode(EVERY_SAMPLE)).astype(np.int32)) >= 0).all()


def test_silence_is_silence():
    assert pcm.ulaw_encode(np.zeros(3, dtype=np.int16)) == pcm.ULAW_SILENCE * 3
    assert pcm.ulaw_decode(pcm.ULAW_SILENCE).tolist() == [0]


# G.711 table 1a: the decision values' middles of each segment, on the 13-bit scale (times eight here)
ALAW_MAGNITUDES = [8 * (2 * step + 1) for step in range(32)] + [
    8 * 2**segment * (33 + 2 * step) for segment in range(1, 7) for step in range(16)
]
"""As the standard counts: codes 0x80 … 0xFF before every second bit is inverted."""


def test_every_alaw_code_decodes_to_the_value_of_the_standard():
    magnitudes = [2 * magnitude // 2 for magnitude in ALAW_MAGNITUDES]
    positive = bytes((0x80 | code) ^ 0x55 for code in range(128))
    negative = bytes(code ^ 0x55 for code in range(128))
    assert pcm.alaw_decode(positive).tolist() == magnitudes
    assert pcm.alaw_decode(negative).tolist() == [-magnitude for magnitude in magnitudes]


def test_alaw_loses_half_a_step_at_most_and_keeps_the_order():
    assert pcm.alaw_encode(pcm.alaw_decode(EVERY_CODE)) == EVERY_CODE
    decoded = pcm.alaw_decode(pcm.alaw_encode(EVERY_SAMPLE)).astype(np.int32)
    wanted = EVERY_SAMPLE.astype(np.int32)
    assert (np.diff(decoded) >= 0).all()
    assert (np.abs(decoded - wanted) <= np.maximum(8, np.abs(wanted) // 32 + 8)).all()
    assert decoded[-1] == 32256


def test_empty_input_gives_empty_output():
    assert pcm.ulaw_decode(b"").tolist() == []
    assert pcm.ulaw_encode(np.zeros(0, dtype=np.int16)) == b""
    assert pcm.samples(b"").tolist() == []


def test_samples_are_little_endian():
    assert pcm.samples(b"\x01\x00\x00\x80\xff\x7f").tolist() == [1, -32768, 32767]


@given(SAMPLES)
def test_samples_and_bytes_are_two_views_of_one_thing(sound):
    assert pcm.samples(sound.tobytes()).tolist() == sound.tolist()


@given(st.data(), SAMPLES)
def test_a_mix_is_the_sum_held_at_the_limits(data, speech):
    ambience = np.array(
        data.draw(st.lists(st.integers(-32768, 32767), min_size=len(speech), max_size=len(speech))), dtype=np.int16
    )
    before = speech.copy(), ambience.copy()
    expected = [max(-32768, min(32767, a + b)) for a, b in zip(speech.tolist(), ambience.tolist(), strict=True)]
    assert pcm.mix(speech, ambience).tolist() == expected
    assert (speech == before[0]).all()
    assert (ambience == before[1]).all()


def test_too_loud_a_mix_does_not_wrap():
    loud = np.array([32767, -32768, 20000, -20000], dtype=np.int16)
    assert pcm.mix(loud, loud).tolist() == [32767, -32768, 32767, -32768]


@given(SAMPLES, st.floats(0, 1))
def test_scaling_keeps_the_sign_and_never_makes_louder(sound, gain):
    scaled = pcm.scale(sound, gain)
    assert scaled.dtype == np.int16
    assert (np.abs(scaled.astype(np.int32)) <= np.abs(sound.astype(np.int32))).all()
    assert np.abs(scaled - sound * gain).max(initial=0) <= 1


def test_full_volume_changes_nothing():
    assert (pcm.scale(EVERY_SAMPLE, 1.0) == EVERY_SAMPLE).all()
    assert (pcm.scale(EVERY_SAMPLE, 0.0) == 0).all()


def test_one_gain_a_sample():
    gains = np.array([0.0, 0.5, 1.0], dtype=np.float32)
    assert pcm.scale(np.array([1000, 1000, 1000], dtype=np.int16), gains).tolist() == [0, 500, 1000]


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_saturation_holds_at_the_limits(values):
    held = pcm.saturate(np.array(values))
    assert held.tolist() == [int(max(-32768, min(32767, value))) for value in values]


@given(SAMPLES)
def test_bytes_are_mixed_as_samples_are(sound):
    other = sound[::-1].copy()
    assert pcm.mixed(sound.tobytes(), other.tobytes()) == pcm.mix(sound, other).tobytes()


@pytest.mark.parametrize(
    ("sound", "peak"), [([], 0), ([0, 0], 0), ([5, -7, 3], 7), ([32767], 32767), ([12, -32768], 32768)]
)
def test_the_peak_is_the_sample_furthest_from_zero(sound, peak):
    assert pcm.peak(np.array(sound, dtype=np.int16).tobytes()) == peak
    assert pcm.peak(np.array(sound, dtype=np.int16).tobytes() + b"x") == peak, "half a sample does not count"
