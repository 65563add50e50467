"""When the caller spoke, on clean and on noisy lines, whatever the frames."""

import numpy as np
import pytest

from relay.audio.ambience import Ambience
from relay.audio.levels import BATCH_SECONDS, block_levels
from relay.audio.loudness import LevelMeter
from relay.audio.voice import VoiceActivity, measure
from relay.audio.voice_runs import hisses_of, runs_of
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


class Later:
    """Voices whose measuring was put off, until `done`."""

    def __init__(self):
        self.waiting = []

    def add(self, voice, within_s):
        assert within_s == 0.3
        self.waiting.append(voice)

    def done(self):
        waiting, self.waiting = self.waiting, []
        measure(waiting)


class Told:
    """A meter."""

    def __init__(self):
        self.heard, self.fails = [], False

    def measured(self, steps, clipped):
        if self.fails:
            raise ZeroDivisionError
        self.heard.append(len(steps))


def test_what_is_found_does_not_depend_on_when_it_is_measured():
    """Nine calls are measured at any time, each later than alone; the end of a word is asked for meanwhile."""
    sound, _, _ = line_in(next(iter(lines())))
    frames = [sound[at : at + 160].astype("<i2").tobytes() for at in range(0, len(sound) - 159, 160)]
    later, meters = Later(), [LevelMeter(RATE) for _ in range(9)]
    voices = [VoiceActivity(RATE, meter=meter, defer=later.add) for meter in meters]
    alone = VoiceActivity(RATE, meter=(meter_alone := LevelMeter(RATE)))

    def hear(voice, place):
        voice.hear(frames[place], (place + 0.4 * (place % 3)) / 50)
        if place % 29 == 0:
            voice.last_end(99.0)

    for number in range(len(frames) + 9 * 7):
        for call, voice in enumerate(voices):  # they began one after the other
            if 0 <= (place := number - 7 * call) < len(frames):
                hear(voice, place)
                assert sum(map(len, [*voice._frames, *(voice._due or [])])) < (BATCH_SECONDS + 0.5) * RATE * 2 + 320
        if number % 41 == 0:
            later.done()
    for place in range(len(frames)):
        hear(alone, place)
    for voice, meter in zip(voices, meters, strict=True):
        assert voice.last_end(99.0) == alone.last_end(99.0)
        assert (voice._starts, voice._ends, voice._voiced) == (alone._starts, alone._ends, alone._voiced)
        assert (meter.level_db, meter.seconds) == (meter_alone.level_db, meter_alone.seconds)


@pytest.mark.parametrize("rates", [(8000, 8000, 8000), (8000, 16_000, 24_000, 8000)])
def test_several_are_found_together_as_each_alone(rates):
    """At different times of their calls, some loud and some quiet, and one that is there twice."""
    later, alone, together = Later(), [], []
    for number, rate_hz in enumerate(rates):
        word, quiet = noise(rate_hz // 3, seed=number), np.zeros(rate_hz * (2 + number) // 5, dtype=np.int16)
        sound = np.tile(np.concatenate([quiet, word, quiet // 2]) // (1 + 9 * (number % 2)), 12)[
            : 6 * rate_hz
        ].tobytes()
        size = 2 * rate_hz // 50
        frames = [sound[at : at + size] for at in range(0, len(sound), size)][50 * number :]
        pair = [(VoiceActivity(rate_hz, meter=meter), meter) for meter in (LevelMeter(rate_hz), LevelMeter(rate_hz))]
        pair[1][0]._defer = later.add
        alone.append((*pair[0], frames))
        together.append(pair[1])
    for at in range(450):
        for (one, _, frames), (other, _) in zip(alone, together, strict=True):
            if at < len(frames):
                one.hear(frames[at], at / 50)
                other.hear(frames[at], at / 50)
        if at == 40:
            for (one, *_), (other, _) in zip(alone, together, strict=True):
                assert one.last_end(99.0) == other.last_end(99.0), "asked before what was put off is done"
        if at % 10 == 9 and at > 75:
            later.done()
    for (one, meter, _), (other, meter_too) in zip(alone, together, strict=True):
        assert one.last_end(99.0) == other.last_end(99.0) is not None
        assert (one._starts, one._ends, one._voiced) == (other._starts, other._ends, other._voiced)
        assert len(one._starts) > 1
        assert (meter.level_db, meter.seconds) == (meter_too.level_db, meter_too.seconds)


def test_who_asks_about_a_time_that_is_known_has_nothing_processed():
    """What came later can wait for other calls."""
    later, meter = Later(), Told()
    voice = VoiceActivity(RATE, meter=meter, defer=later.add)

    def hear(first, last):
        for number in range(first, last):
            voice.hear(bytes(320), number / 50)

    hear(0, 25)
    later.done()
    assert meter.heard == [50]
    hear(25, 60)
    voice.last_end(0.48)
    voice.spoke_between(0.0, 0.39)
    assert meter.heard == [50]
    voice.last_end(0.49)
    assert meter.heard == [50, 50], "the batch that was put off is enough"
    voice.spoke_between(0.8, 0.89)
    assert meter.heard == [50, 50]
    voice.spoke_between(0.8, 0.91)
    assert meter.heard == [50, 50, 20], "a click at the end of that time may be a word"
    later.done()
    assert meter.heard == [50, 50, 20]


def test_a_word_that_begins_in_the_rest_of_what_was_processed_began_when_that_came():
    word = noise(9 * 120, seed=3)
    word[:80] = 0
    voice = VoiceActivity(RATE)
    for number in range(9):
        voice.hear(word[number * 120 : (number + 1) * 120].tobytes(), 7 + (number + 1) * 0.015)
        voice.look()
    assert list(voice._starts) == [pytest.approx(7.01)]


def test_what_the_agent_said_is_measured_beside_the_caller_s_voice():
    """It costs less together. What is found is the same, and no more of it waits."""
    later, said = Later(), noise(9 * RATE, seed=5) // 3
    voice, meter, second, alone = VoiceActivity(RATE, defer=later.add), *(LevelMeter(RATE) for _ in range(3))
    voice.take_along(meter)
    alone.hear(said.tobytes())
    for at in range(0, len(said), 160):
        meter.hear(said[at : at + 160].tobytes())
        voice.hear(bytes(320), at / RATE)
        if at % 1600 == 0:
            later.done()
        assert meter._waiting <= 0.7 * 2 * RATE
    meter.pause()
    for at in range(25):
        voice.hear(bytes(320), 9 + at / 50)
    later.done()
    assert (meter._waiting, meter._sounds) == (0, [])
    assert len(meter._steps) < 400, "levels are counted, not kept"
    counted = meter._counts.sum() + len(meter._steps)
    assert counted == 900
    assert (meter.level_db, meter.seconds, meter.clipped) == (alone.level_db, alone.seconds, alone.clipped)
    meter.hear(said[:400].tobytes())
    voice.take_along(second)
    assert meter._counts.sum() + len(meter._steps) == 905, "another agent's turn: nobody takes this one along any more"
    meter.hear(said[:400].tobytes())
    meter.pause()
    assert meter._counts.sum() + len(meter._steps) == 910
    voice.look()
    second.hear(said[:400].tobytes())
    voice.look()
    assert len(second._steps) == 0, "the caller has said nothing new"
    voice.hear(bytes(320), 10.0)
    voice.look()
    assert len(second._steps) == 5


def test_what_an_agent_says_on_a_line_that_stands_still_is_measured_after_a_second():
    voice, meter = VoiceActivity(RATE), LevelMeter(RATE)
    voice.take_along(meter)
    for _ in range(49):
        meter.hear(bytes(320))
    assert len(meter._steps) == 0
    meter.hear(bytes(320))
    assert len(meter._steps) == 100


def test_a_voice_that_nobody_measures_is_measured_by_itself_before_it_takes_more_memory():
    later, meter = Later(), Told()
    voice = VoiceActivity(RATE, meter=meter, defer=later.add)
    for _ in range(49):
        voice.hear(bytes(320), 0.0)
    assert (meter.heard, later.waiting) == ([], [voice]), "it was put off, once"
    voice.hear(bytes(320), 0.0)
    assert meter.heard == [50]
    later.done()
    assert meter.heard == [50], "nothing is left to be done"


def test_an_error_stays_until_it_is_met_by_the_call_itself():
    later, meter = Later(), Told()
    broken, meter.fails = VoiceActivity(RATE, meter=meter, defer=later.add), True
    for _ in range(25):
        broken.hear(bytes(320), 0.0)
    with pytest.raises(ZeroDivisionError):
        later.done()
    with pytest.raises(ZeroDivisionError):
        broken.look()


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


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_a_hiss_is_known_from_how_often_it_changes_its_sign(rate_hz):
    """28 times in a hundredth of a second or more, however loud it is; a loud block needs none."""
    block = rate_hz // 100
    sound = np.ones(6 * block, dtype=np.int16)
    for number, changes in enumerate((28, 27, 40, 28, 0, 27)):
        part = sound[number * block : (number + 1) * block]
        part[:] = -1 if number and sound[number * block - 1] < 0 else 1  # none between two blocks
        for place in range(1, changes + 1):
            part[place:] *= -1
    assert hisses_of(sound, block, [0]) == bytes([1, 0, 1, 1, 0, 0])
    sound[block:] *= -1  # the first sample of the second block is a change as well
    assert hisses_of(sound, block, [0]) == bytes([1, 1, 1, 1, 0, 0])
    assert hisses_of(sound, block, [0, block]) == bytes([1, 0, 1, 1, 0, 0]), "unless another voice begins there"


def test_blocks_belong_together_that_are_loud_or_a_hiss():
    assert runs_of(bytes([1] * 6), bytes([1, 0, 1, 1, 0, 0])) == ([0, 1, 2, 4], [0, 0])
    assert runs_of(bytes([2, 1, 1, 0, 2, 2]), bytes([1, 0, 1, 1, 0, 0])) == ([0, 1, 2, 3, 4, 6], [1, 0, 2])
    assert runs_of(bytes([1] * 6), bytes([1, 1, 1, 1, 0, 0])) == ([0, 4], [0])


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
