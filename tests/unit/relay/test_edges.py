"""Soft edges: no step where sound breaks off, and nothing touched that is not at the edge or makes no click."""

import numpy as np
import pytest

from relay.audio.edges import fade_in, fade_out
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
