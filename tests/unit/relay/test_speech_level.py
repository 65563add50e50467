"""Loudness: measured without pauses, brought to the telephone's level without pumping, never clipped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.audio.limiter import CEILING, LOOK_AHEAD_SECONDS, Limiter
from relay.audio.loudness import LevelMeter
from relay.audio.speech_level import MOST_DB, TARGET_DB, SpeechLevel
from sim.speech import spoken
from tests.unit.relay.tone import noise, sine

RATE = 8000
SAID = np.concatenate([spoken(f"agent_{name}", RATE) for name in ("clinics", "hours", "booking", "goodbye")])


def at_level(level_db: float, sound=SAID):
    """`sound` with its speech at that level."""
    louder = sound.astype(float) * 10 ** ((level_db - measured(sound)) / 20)
    return np.clip(np.rint(louder), -32768, 32767).astype(np.int16)


def measured(sound) -> float:
    meter = LevelMeter(RATE)
    meter.hear(sound.tobytes())
    assert meter.level_db is not None
    return meter.level_db


def levelled(level: SpeechLevel, sound, chunk: int):
    """What comes out, and the gain after each chunk."""
    parts, gains = [], []
    for at in range(0, len(sound), chunk):
        data = sound[at : at + chunk].tobytes()
        parts.append(level.process(data, last=at + chunk >= len(sound)))
        gains.append(level.gain_db)
    return np.frombuffer(b"".join(parts), dtype=np.int16), np.array(gains)


# --- the meter ---


def test_the_level_of_a_steady_tone_is_its_power():
    assert measured(sine(1000, RATE, 1.0, 3276.8)) == pytest.approx(-23.0, abs=0.3)


@pytest.mark.parametrize("pause_s", [0.0, 1.0, 30.0])
def test_pauses_do_not_make_speech_quieter(pause_s):
    pause = np.random.default_rng(1).normal(0, 20, round(pause_s * RATE)).astype(np.int16)
    assert measured(np.concatenate([pause, SAID, pause])) == pytest.approx(measured(SAID), abs=0.5)


def test_without_speech_there_is_no_level():
    meter = LevelMeter(RATE)
    assert meter.level_db is None
    meter.hear(bytes(2 * RATE))
    assert meter.level_db is None
    assert meter.seconds == 0.0


def test_speech_is_counted_without_its_pauses():
    meter = LevelMeter(RATE)
    meter.hear(np.concatenate([np.zeros(RATE, np.int16), sine(300, RATE, 0.5), np.zeros(RATE, np.int16)]).tobytes())
    assert meter.seconds == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("piece_s", [10, 2000])
def test_an_hour_is_counted_as_its_first_minutes(piece_s):
    """Until eleven minutes have come, two bytes are enough for each count."""
    meter, second = LevelMeter(RATE), sine(400, RATE, 1.0, 8000).tobytes()
    assert meter._counts.nbytes < 330
    meter.hear(second)
    level = meter.level_db
    for _ in range(4000 // piece_s):
        meter.hear(second * piece_s)
    assert (meter.seconds, meter.level_db) == (4001.0, level)


@pytest.mark.parametrize("peak", [6, 30, 3000])
def test_silence_is_no_speech_however_quiet_the_speech_is(peak):
    """Below -64 dB the silence of a line counted as speech."""
    meter, silence = LevelMeter(RATE), np.zeros(RATE, np.int16)
    meter.hear(np.concatenate([silence, sine(300, RATE, 0.5, peak), silence]).tobytes())
    assert meter.seconds == pytest.approx(0.5, abs=0.02)


def test_samples_at_full_scale_are_counted():
    meter = LevelMeter(RATE)
    sound = noise(RATE)
    sound[[5, 17, 4000]] = 32767, -32768, -32767
    meter.hear(sound.tobytes())
    assert meter.clipped == 3


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@pytest.mark.parametrize("sample", [32767, -32767, -32768])
def test_a_click_at_full_scale_is_found_in_silence(rate_hz, sample):
    """Only in loud blocks is it looked for: one such sample alone makes a block loud enough."""
    meter, sound = LevelMeter(rate_hz), np.zeros(rate_hz, np.int16)
    sound[rate_hz // 3] = sample
    meter.hear(sound.tobytes())
    assert meter.clipped == 1


@given(st.lists(st.integers(0, 900), min_size=1, max_size=40))
@settings(max_examples=30)
def test_however_it_is_cut_the_level_is_the_same(sizes):
    meter, at = LevelMeter(RATE), 8000
    for size in sizes:
        meter.hear(SAID[at : at + size].tobytes())
        at += size
    whole = LevelMeter(RATE)
    whole.hear(SAID[8000:at].tobytes())
    assert meter.level_db == whole.level_db


# --- the limiter ---


@given(st.lists(st.integers(0, 700), min_size=1, max_size=30), st.floats(1.0, 8.0))
@settings(max_examples=40)
def test_nothing_is_louder_than_the_ceiling_and_nothing_is_lost(sizes, gain):
    wave = np.resize(SAID, sum(sizes)).astype(float) * gain
    limiter, at, parts = Limiter(RATE), 0, []
    for number, size in enumerate(sizes):
        parts.append(limiter.process(wave[at : at + size], last=number == len(sizes) - 1))
        at += size
    limited = np.concatenate(parts)
    assert len(limited) == len(wave)
    assert np.abs(limited).max(initial=0) <= CEILING + 1e-6
    assert limited == pytest.approx(Limiter(RATE).process(wave, last=True), abs=1e-6)


def test_sound_below_the_ceiling_is_untouched_and_three_milliseconds_late_at_most():
    assert LOOK_AHEAD_SECONDS <= 0.003
    wave = SAID.astype(float)
    limiter = Limiter(RATE)
    first = limiter.process(wave[:800])
    assert len(first) == 800 - round(LOOK_AHEAD_SECONDS * RATE)
    assert (np.concatenate([first, limiter.process(wave[800:], last=True)]) == wave).all()


def test_a_peak_is_reached_by_turning_down_not_by_clipping():
    """Where the peak is the wave keeps its shape: no two samples lie flat on the ceiling."""
    wave = sine(200, RATE, 0.2, 60_000 / 2).astype(float) * 2
    limited = Limiter(RATE).process(wave, last=True)
    assert np.count_nonzero(np.abs(limited) > CEILING - 1) <= len(wave) * 2 * 200 / RATE
    settled = slice(400, 1200)
    ratio = limited[settled][np.abs(wave[settled]) > 5000] / wave[settled][np.abs(wave[settled]) > 5000]
    assert ratio.max() / ratio.min() < 1.05


def test_after_a_peak_the_gain_comes_back_slowly_and_all_the_way():
    wave = np.full(2 * RATE, 20_000.0)
    wave[RATE // 2] = 60_000.0
    gains = 20 * np.log10(Limiter(RATE).process(wave, last=True) / wave)
    assert gains[RATE // 2] == pytest.approx(20 * np.log10(CEILING / 60_000), abs=0.01)
    assert np.diff(gains[RATE // 2 :]).max() <= 60 / RATE + 0.3 / 20  # the average's edge, then the release
    assert gains[-1] == 0.0
    assert (gains[: RATE // 2 - 21] == 0.0).all()


# --- the agent's level ---


@pytest.mark.parametrize("chunk", [160, 800, 8000, 24_000])
def test_without_gain_every_byte_passes_untouched_at_once(chunk):
    data = SAID[:chunk].tobytes()
    assert SpeechLevel(RATE).process(data) is data


@pytest.mark.parametrize("gain_db", [-8.0, 6.0])
def test_a_fixed_gain(gain_db):
    quiet = at_level(-30)
    out, gains = levelled(SpeechLevel(RATE, gain_db=gain_db), quiet, 800)
    assert len(out) == len(quiet)
    assert np.abs(out - quiet * 10 ** (gain_db / 20)).max() <= 0.5
    assert set(gains) == {gain_db}


@pytest.mark.parametrize("level_db", [-31, -28, -24, -20, -16, -12, -9])
@pytest.mark.parametrize("chunk", [160, 800, 4000])
def test_after_two_seconds_of_speech_every_agent_is_equally_loud(level_db, chunk):
    sound = at_level(level_db)
    out, _ = levelled(SpeechLevel(RATE, auto=True), sound, chunk)
    assert len(out) == len(sound)
    for at in range(5 * RATE // 2, len(out) - 3 * RATE, 3 * RATE):
        expected = TARGET_DB + measured(sound[at : at + 3 * RATE]) - measured(sound)
        assert measured(out[at : at + 3 * RATE]) == pytest.approx(expected, abs=2.0)


def test_an_agent_that_is_hardly_there_is_not_raised_without_end():
    _, gains = levelled(SpeechLevel(RATE, auto=True), at_level(-45), 800)
    assert gains.max() == MOST_DB


def test_the_gain_does_not_pump():
    """Once learned it moves with neither words nor pauses, and noise in a pause stays as far below the words."""
    pause = np.random.default_rng(2).normal(0, 30, 3 * RATE).astype(np.int16)
    sound = np.concatenate([at_level(-28), pause, at_level(-28), pause, at_level(-28)])
    _, gains = levelled(SpeechLevel(RATE, auto=True), sound, 800)
    learned = gains[10 * 4 :]
    assert learned.max() - learned.min() <= 2.0
    assert np.abs(np.diff(learned)).max() <= 1.6
    assert np.count_nonzero(np.diff(learned)) <= 3


def test_while_it_is_learned_the_gain_glides():
    _, gains = levelled(SpeechLevel(RATE, auto=True), at_level(-32), 160)
    assert gains[0] == 0.0
    assert np.abs(np.diff(gains)).max() <= 15 * 0.02 + 1e-9


def test_between_two_utterances_it_may_jump():
    level = SpeechLevel(RATE, auto=True)
    quiet = at_level(-32, sine(300, RATE, 1.0))
    levelled(level, quiet[: RATE // 2], 160)
    assert level.gain_db < 8
    level.process(quiet[:160].tobytes())
    assert level.gain_db == pytest.approx(MOST_DB, abs=0.5)


def test_what_was_cut_off_is_not_heard_in_the_next_utterance():
    level = SpeechLevel(RATE, gain_db=6.0)
    level.process(at_level(-30).tobytes()[:1600])
    level.reset()
    assert not np.frombuffer(level.process(bytes(1600), last=True), dtype=np.int16).any()


def test_a_late_part_of_an_earlier_utterance_is_as_loud_and_leaves_the_present_one_alone():
    """It was played as it came, 12 dB quieter than the words around it."""
    late, now = at_level(-30)[:1600], at_level(-30)[8000:9600]
    level, alone = SpeechLevel(RATE, gain_db=12.0), SpeechLevel(RATE, gain_db=12.0)
    parts = [level.process(now[:800].tobytes()), level.process(now[800:].tobytes(), last=True)]
    heard = alone.process(now[:800].tobytes())
    beside = np.frombuffer(alone.beside(late.tobytes()), np.int16)
    assert [heard, alone.process(now[800:].tobytes(), last=True)] == parts
    assert np.abs(beside - late * 10 ** (12 / 20)).max() <= 0.5
    assert np.abs(np.frombuffer(alone.beside(bytes([0, 127] * 800)), np.int16)).max() <= round(CEILING)
    assert SpeechLevel(RATE).beside(late.tobytes()) == late.tobytes()


def test_loud_words_of_a_quiet_agent_do_not_clip():
    sound = at_level(-30)
    sound[40_000:40_400] = np.clip(sound[40_000:40_400] * 12.0, -32768, 32767).astype(np.int16)
    out, _ = levelled(SpeechLevel(RATE, gain_db=12.0), sound, 800)
    assert np.abs(out.astype(int)).max() <= round(CEILING)


def test_what_is_measured_is_what_the_agent_sent():
    level = SpeechLevel(RATE, auto=True)
    levelled(level, at_level(-30), 800)
    assert level.meter.level_db == pytest.approx(-30, abs=0.3)
