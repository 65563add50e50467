"""When the caller spoke, on clean and on noisy lines, whatever the frames."""

import numpy as np
import pytest

from relay.audio.ambience import Ambience
from relay.audio.levels import block_levels
from relay.audio.loudness import LevelMeter
from relay.audio.voice import VoiceActivity
from relay.audio.voice_runs import runs_of
from sim.speech import lines, spoken
from tests.unit.relay.tone import noise, sine

RATE = 8000
MARGIN_S = 0.04  # of quiet at both ends of each line (scripts/make_speech.py)


def listened(sound, rate_hz: int = RATE, frame: int = 160, late=lambda n: 0.0) -> VoiceActivity:
    voice = VoiceActivity(rate_hz)
    for at in range(0, len(sound) - frame + 1, frame):
        voice.hear(sound[at : at + frame].astype("<i2").tobytes(), (at + frame) / rate_hz + late(at // frame))
    return voice


def line_in(name: str, before_s: float = 2.0, after_s: float = 1.2, rate_hz: int = RATE):
    """A line with silence around, and when its speech begins and ends."""
    said = spoken(name, rate_hz)
    quiet = [np.zeros(round(seconds * rate_hz), dtype=np.int16) for seconds in (before_s, after_s)]
    return np.concatenate([quiet[0], said, quiet[1]]), before_s + MARGIN_S, before_s + len(said) / rate_hz - MARGIN_S


@pytest.mark.parametrize("name", lines())
@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_the_end_of_every_line_is_found_to_20_ms(name, rate_hz):
    sound, starts, ends = line_in(name, rate_hz=rate_hz)
    voice = listened(sound, rate_hz, rate_hz // 50)
    assert voice.last_end(99.0) == pytest.approx(ends, abs=0.02)
    assert not voice.spoke_between(0.0, starts - 0.02)
    assert voice.spoke_between(starts, starts + 0.05)


@pytest.mark.parametrize(("noise_db", "off_by"), [(-60, 0.02), (-50, 0.05), (-40, 0.12)])
def test_noise_hides_no_more_than_the_tail_of_a_word(noise_db, off_by):
    """The line's own noise is no speech from its first second on."""
    hiss = np.random.default_rng(3).normal(0, 32768 * 10 ** (noise_db / 20), 20 * RATE)
    for name in lines():
        sound, starts, ends = line_in(name, before_s=4.0)
        voice = listened(sound + hiss[: len(sound)])
        assert voice.last_end(99.0) == pytest.approx(ends, abs=off_by)
        assert not voice.spoke_between(0.0, starts - off_by)


def test_a_caller_in_an_office_is_told_from_the_office():
    office = Ambience.load("office").at(RATE).take(0, 24 * RATE, 0.3)
    for name in lines():
        sound, _, ends = line_in(name, before_s=4.0)
        voice = listened(sound + np.resize(office, len(sound)))
        assert voice.last_end(99.0) == pytest.approx(ends, abs=0.13)


def test_a_line_that_becomes_noisy_is_not_a_voice_for_long():
    quiet, loud = np.zeros(3 * RATE), np.random.default_rng(3).normal(0, 32768 * 10 ** (-35 / 20), 12 * RATE)
    voice = listened(np.concatenate([quiet, loud]))
    assert not voice.spoke_between(9.0, 15.0)


def test_a_word_that_ends_in_a_hiss_ends_with_it():
    """A quiet s: below the level of a voice, but what it is can be heard from its pitch."""
    vowel = sine(180, RATE, 0.4, 6000)
    hiss = np.diff(noise(RATE // 5 + 1, 2, 130).astype(int))
    line_noise = np.random.default_rng(1).normal(0, 40, 3 * RATE)
    sound = line_noise.copy()
    sound[RATE : RATE + len(vowel)] += vowel
    without = listened(sound).last_end(99.0)
    sound[RATE + len(vowel) : RATE + len(vowel) + len(hiss)] += hiss
    assert without == pytest.approx(1.4, abs=0.02)
    assert listened(sound).last_end(99.0) == pytest.approx(1.6, abs=0.03)


class Told:
    """A meter."""

    def __init__(self):
        self.heard = []

    def measured(self, levels, clipped):
        self.heard.append(len(levels) // 2)


def test_half_a_second_is_looked_at_or_less_if_somebody_asks_about_a_time_that_is_not_known():
    meter = Told()
    voice = VoiceActivity(RATE, meter=meter)

    def hear(first, last):
        for number in range(first, last):
            voice.hear(bytes(320), number / 50)

    hear(0, 24)
    assert meter.heard == []
    hear(24, 49)
    assert meter.heard == [50]
    voice.last_end(0.48)
    voice.spoke_between(0.0, 0.39)
    assert meter.heard == [50]
    voice.last_end(0.49)
    assert meter.heard == [50, 48]
    hear(49, 59)
    voice.spoke_between(0.8, 0.88)
    assert meter.heard == [50, 48]
    voice.spoke_between(0.8, 0.89)
    assert meter.heard == [50, 48, 20], "a click at the end of that time may be a word"
    voice.look()
    assert meter.heard == [50, 48, 20]


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_no_sound_is_kept_until_it_is_looked_at(rate_hz):
    """It was up to a second of it: 16 KB of each call."""
    voice, meter = VoiceActivity(rate_hz), LevelMeter(rate_hz)
    for _ in range(24):
        voice.hear(noise(rate_hz // 50).tobytes(), 0.0)
        meter.hear(noise(rate_hz // 50).tobytes())
    assert (voice._blocks.rest, meter._blocks.rest) == (b"", b"")
    assert len(voice._records) == 4 * 48
    assert len(meter._levels) == 2 * 48


def test_a_word_ends_with_its_last_whole_block_until_the_next_is_complete():
    word, voice = noise(41 * 120, seed=3), VoiceActivity(RATE)
    word[:2400] = 0
    for number in range(41):
        voice.hear(word[number * 120 : (number + 1) * 120].tobytes(), 7 + (number + 1) * 0.015)
    voice.look()
    assert list(voice._ends) == [pytest.approx(7.61)]


def test_a_call_s_caller_is_measured_as_a_meter_alone_would():
    said, meter, alone = noise(9 * RATE, seed=5) // 3, LevelMeter(RATE), LevelMeter(RATE)
    said[700:720] = -32768
    voice = VoiceActivity(RATE, meter=meter)
    for at in range(0, len(said), 160):
        voice.hear(said[at : at + 160].tobytes(), at / RATE)
    voice.look()
    alone.hear(said.tobytes())
    assert len(meter._levels) < 800, "levels are counted, not kept"
    assert (meter.level_db, meter.seconds, meter.clipped) == (alone.level_db, alone.seconds, 20)
    assert meter._counts.sum() + len(meter._levels) // 2 == 900


def test_a_word_that_begins_in_the_rest_of_what_was_processed_began_when_that_came():
    word = noise(9 * 120, seed=3)
    word[:80] = 0
    voice = VoiceActivity(RATE)
    for number in range(9):
        voice.hear(word[number * 120 : (number + 1) * 120].tobytes(), 7 + (number + 1) * 0.015)
        voice.look()
    assert list(voice._starts) == [pytest.approx(7.01)]


def test_a_click_is_no_speech():
    sound = np.zeros(3 * RATE, dtype=np.int16)
    for at in range(RATE, 2 * RATE, RATE // 3):
        sound[at : at + 300] = noise(300, 4, 20_000)
    voice = listened(sound)
    assert voice.last_end(99.0) is None
    assert not voice.spoke_between(0.0, 99.0)


def test_a_pause_inside_a_word_is_no_end_and_one_between_sentences_is():
    vowel = sine(180, RATE, 0.3, 6000)
    for pause, ends in ((0.15, 1.75), (0.5, 1.3)):
        gap = np.zeros(round(pause * RATE), dtype=np.int16)
        sound = np.concatenate([np.zeros(RATE, dtype=np.int16), vowel, gap, vowel, np.zeros(RATE, dtype=np.int16)])
        assert listened(sound).last_end(1.75) == pytest.approx(ends, abs=0.011)


def test_asked_in_the_middle_of_a_word_it_says_now():
    sound, starts, _ = line_in("caller_bill")
    assert listened(sound).last_end(starts + 0.3) == starts + 0.3


def test_asked_at_any_time_it_says_what_it_would_have_said_anyway():
    """What has come is looked at once a second, or when somebody asks: that changes nothing."""
    sound, _, ends = line_in("caller_bill")
    often = VoiceActivity(RATE)
    for at in range(0, len(sound) - 160, 160):
        often.hear(sound[at : at + 160].tobytes(), (at + 160) / RATE)
        often.last_end(at / RATE)
    assert often.last_end(99.0) == pytest.approx(ends, abs=0.02)


@pytest.mark.parametrize("frame", [7, 80, 333, 800])
def test_frames_of_any_size(frame):
    sound, _, ends = line_in("caller_bill")
    assert listened(sound, frame=frame).last_end(99.0) == pytest.approx(ends, abs=0.02)


def test_the_time_is_that_of_the_frame():
    """A frame that came late was heard late: what is measured is what the relay could do about it."""
    sound, _, ends = line_in("caller_bill")
    assert listened(sound, late=lambda n: 0.5).last_end(99.0) == pytest.approx(ends + 0.5, abs=0.02)


def records_of(*blocks):
    """(level, changes of sign) of each."""
    return b"".join(level.to_bytes(2, "little") + bytes([changes, 0]) for level, changes in blocks)


def test_blocks_belong_together_that_are_loud_or_a_hiss():
    """A hiss changes its sign 28 times in a hundredth of a second, or more often."""
    hiss, hum, loud, quiet = (0x1FF, 28), (0x1FF, 27), (0x200, 0), (0x1FE, 99)
    assert runs_of(records_of(hiss, hum, hiss, hiss, hum, hum), 0x1FF, 0x200) == ([0, 1, 2, 4], [0, 0])
    assert runs_of(records_of(loud, hum, hiss, quiet, loud, (0x1000, 0)), 0x1FF, 0x200) == (
        [0, 1, 2, 3, 4, 6],
        [1, 0, 2],
    )
    assert runs_of(records_of(loud, hiss, hum, quiet), 0x1FF, 0x200) == ([0, 2], [1])


def test_nothing_said_is_nothing_found():
    assert VoiceActivity(RATE).last_end(5.0) is None
    assert listened(np.zeros(RATE, dtype=np.int16)).last_end(5.0) is None


def test_levels_are_of_full_scale():
    assert block_levels(sine(1000, RATE, 1.0, 32767), RATE) == pytest.approx(np.full(100, -3.01), abs=0.01)
    assert len(block_levels(noise(850), RATE)) == 10


def test_of_an_hour_of_words_the_last_64_stretches_are_kept():
    word = np.concatenate([noise(RATE // 5), np.zeros(RATE * 3 // 10, dtype=np.int16)])
    voice = listened(np.tile(word, 200))
    assert len(voice._starts) == len(voice._ends) == len(voice._voiced) == 64
    assert not voice.spoke_between(0, 30)
    assert voice.last_end(100.0) == pytest.approx(99.7, abs=0.05)


def test_clicks_do_not_push_words_out_of_memory():
    """A click is no speech, so only the last one is kept."""
    word = np.concatenate([noise(RATE // 5), np.zeros(RATE, dtype=np.int16)])
    click = np.concatenate([noise(RATE // 25), np.zeros(RATE * 3 // 10, dtype=np.int16)])
    voice = listened(np.concatenate([np.zeros(RATE, dtype=np.int16), word, np.tile(click, 100)]))
    assert voice.last_end(99.0) == pytest.approx(1.2, abs=0.05)
