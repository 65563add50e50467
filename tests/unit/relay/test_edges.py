"""Soft edges: no step where sound breaks off, and nothing touched that is not at the edge or makes no click."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.audio.edges import fade_in, fade_out, glide
from tests.unit.relay.tone import largest_step, noise

LOUD = np.full(400, 16_000, dtype=np.int16)


def numbers(sound: bytes):
    return np.frombuffer(sound, dtype=np.int16)


def test_a_fade_out_goes_down_to_silence_without_a_step():
    faded = numbers(fade_out(LOUD.tobytes(), 40))
    assert (faded[:360] == 16_000).all()
    assert (np.diff(faded[359:]) < 0).all()
    assert largest_step(np.append(faded, 0)) < 800


def test_a_fade_in_is_its_mirror_image():
    assert (numbers(fade_in(LOUD.tobytes(), 40)) == numbers(fade_out(LOUD.tobytes(), 40))[::-1]).all()


@pytest.mark.parametrize("fade", [fade_in, fade_out])
@pytest.mark.parametrize("count", [0, 1, 39])
def test_sound_shorter_than_the_edge_is_all_edge(fade, count):
    faded = numbers(fade(LOUD[:count].tobytes(), 40))
    assert len(faded) == count
    assert (faded < 16_000).all()


@pytest.mark.parametrize("fade", [fade_in, fade_out])
def test_a_quiet_edge_is_left_as_it_is(fade):
    """Agents that never say that an utterance is over end it in silence: that is bit-exact, as the rest of it."""
    quiet = (noise(400) // 400).astype(np.int16)
    sound = np.concatenate([quiet, LOUD, quiet]).tobytes()
    assert fade(sound, 40) == sound


NEAR = st.sampled_from([0.0, 1e-7, -1e-7, 2e-6, -2e-6, 0.1, -0.1])


@given(start=st.floats(0, 1), step=st.floats(1e-5, 1e-2), count=st.integers(1, 400), beyond=NEAR, up=st.booleans())
def test_a_glide_is_as_exact_as_its_samples(start, step, count, beyond, up):
    """Whether it arrives is nearly always known without numbers of 32 bits, and always as they say."""
    way = np.arange(1, count + 1, dtype=np.float32) * np.float32(step)
    length = max(0.0, float(way[-1]) * (1 + beyond))
    target = start + length if up else start - length
    whole = np.float32(abs(target - start))
    gone = np.minimum(way, whole)
    expected = np.float32(start) + gone if target > start else np.float32(start) - gone
    if way[-1] >= whole:
        expected[gone == whole] = target
    gains = glide(start, target, step, count)
    assert gains.dtype == np.float32
    assert (gains == expected).all()
