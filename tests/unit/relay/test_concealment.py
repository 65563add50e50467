"""Short holes are filled so that the ear, and a recogniser, goes on as if nothing had happened."""

import numpy as np
import pytest

from relay.audio.concealment import HISTORY_SECONDS, conceal, fade_in, fade_out
from sim.speech import spoken
from tests.unit.relay.tone import largest_step, noise, sine

RATE = 8000


def error_db(filled, original) -> float:
    """How far the error lies below what was there."""
    original = original.astype(float)
    return float(10 * np.log10((original @ original) / max(((filled - original) ** 2).sum(), 1e-9)))


@pytest.mark.parametrize("hz", [80, 133, 200, 320])
@pytest.mark.parametrize("count", [160, 320, 480])
def test_a_voice_goes_on_through_a_hole(hz, count):
    """A steady vowel: the pitch and its harmonics."""
    vowel = sine(hz, RATE, 0.3, 6000) + sine(3 * hz, RATE, 0.3, 2000)
    before, hole, after = np.split(vowel, [800, 800 + count])
    filled = conceal(before, after, count, RATE)
    assert len(filled) == count
    assert error_db(filled, hole) > 18
    assert largest_step(np.concatenate([before, filled, after])) <= 1.25 * largest_step(vowel)


def test_speech_with_a_tenth_of_its_frames_lost_is_nearer_to_itself_than_with_silence():
    """Silence in place of the lost frames is 0 dB by definition: all of the sound is missing."""
    speech = spoken("caller_booking", RATE)
    frames = [speech[at : at + 160] for at in range(0, len(speech) - 160, 160)]
    lost = np.random.default_rng(1).random(len(frames)) < 0.1
    heard, original = [], []
    for before, here, after in zip(range(len(frames)), range(1, len(frames)), range(2, len(frames)), strict=False):
        if lost[here] and not lost[before] and not lost[after]:
            heard.append(conceal(np.concatenate(frames[max(0, before - 2) : here]), frames[after], 160, RATE))
            original.append(frames[here])
    assert len(heard) >= 8
    assert error_db(np.concatenate(heard), np.concatenate(original)) > 5


def test_noise_stays_as_loud_as_it_was():
    before, hole, after = np.split(noise(2000), [800, 1200])
    level = np.sqrt((conceal(before, after, 400, RATE).astype(float) ** 2).mean())
    assert level == pytest.approx(np.sqrt((hole.astype(float) ** 2).mean()), rel=0.35)


def test_full_scale_is_held_at_the_limit():
    square = np.repeat(np.tile(np.array([32767, -32768], dtype=np.int16), 20), 40)
    filled = conceal(square[:800], square[960:], 160, RATE)
    assert filled.max() == 32767
    assert filled.min() == -32768


@pytest.mark.parametrize("known", [0, 1, 7, 20, 60])
def test_with_next_to_nothing_to_go_by_it_still_fills_the_hole(known):
    for before, after in ((noise(known), noise(800)), (noise(800), noise(known)), (noise(known), noise(known))):
        filled = conceal(before, after, 160, RATE)
        assert len(filled) == 160
        assert np.abs(filled.astype(int)).max(initial=0) <= 8001


def test_only_the_last_of_the_past_counts():
    past = noise(8000)
    recent = past[-round(HISTORY_SECONDS * RATE) :]
    assert (conceal(past, past, 160, RATE) == conceal(recent, past, 160, RATE)).all()


def test_an_edge_falls_to_silence_and_rises_from_it_without_a_click():
    tone = sine(200, RATE, 0.1)
    out, into = fade_out(tone, 400, RATE), fade_in(tone, 400, RATE)
    assert (out[80:] == 0).all()
    assert (into[:-80] == 0).all()
    steepest = largest_step(tone)
    assert largest_step(np.concatenate([tone, out])) <= 1.1 * steepest
    assert largest_step(np.concatenate([into, tone])) <= 1.1 * steepest
    assert np.abs(out[:20]).max() > 5000


def test_an_edge_shorter_than_its_fade_still_reaches_silence():
    assert fade_out(sine(200, RATE, 0.1), 10, RATE)[-1] == 0
    assert len(fade_out(sine(200, RATE, 0.1), 0, RATE)) == 0


def test_a_voice_on_a_slope_has_no_crack_at_the_joints():
    """No two periods are alike: repeating the last one began with a step back to where the sound had been."""
    voice = (sine(200, RATE, 0.2, 500) + 20 * np.arange(-800, 800)).astype(np.int16)
    for at in range(700, 800, 7):
        filled = np.concatenate([voice[:at], conceal(voice[:at], voice[at + 160 :], 160, RATE), voice[at + 160 :]])
        for joint in (at, at + 160):
            assert largest_step(filled[joint - 2 : joint + 2]) <= 1.5 * largest_step(voice)
