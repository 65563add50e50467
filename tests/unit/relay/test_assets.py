"""What the relay's own ambiences are promised to be: even, endless, and still themselves on a telephone."""

import functools
import os
from importlib import resources

import numpy as np
import pytest

from relay.audio import pcm
from relay.audio.ambience import BUILT_IN, Ambience
from relay.audio.files import read_mono
from scripts.make_ambience import make
from sim.sound import level_db
from sim.speech import spoken
from tests.support.amr import LIBRARY, bright_db, library, transmit

ROOMS = tuple(name for name in BUILT_IN if name != "typing")
VOLUMES = (1.0, 0.3, 0.2)

needs_codec = pytest.mark.skipif(
    library() is None and "CI" not in os.environ, reason=f"AMR is not installed: apt-get install {LIBRARY}"
)


def file(name: str):
    with resources.as_file(resources.files("relay.audio") / "assets" / f"{name}.flac") as path:
        return read_mono(path)


def on_the_line(name: str, volume: float):
    endless = Ambience.load(name).at(8000)
    return endless.take(0, len(endless), volume)


@functools.cache
def on_a_mobile(name: str, volume: float, kbps: float, *, dtx: bool = True):
    """`transmit` of it, each once: two tests look at the same."""
    return transmit(on_the_line(name, volume), kbps, dtx=dtx)


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_is_a_minute_long_small_and_goes_round_without_a_seam(name):
    sound, rate_hz = file(name)
    assert rate_hz == 16_000
    assert len(sound) >= 60 * rate_hz
    with resources.as_file(resources.files("relay.audio") / "assets" / f"{name}.flac") as path:
        assert path.stat().st_size < 1.5 * 2**20
    assert level_db(sound) == pytest.approx(-30, abs=0.5)
    assert abs(sound.mean()) < 15
    steps = np.abs(np.diff(sound.astype(int)))
    assert abs(int(sound[0]) - int(sound[-1])) < np.percentile(steps, 99)


@pytest.mark.parametrize("name", ["quiet", "typing"])
def test_it_is_what_the_script_makes(name):
    """Two of them: the others take ten seconds each."""
    made = np.round(make(name) * 32767)
    assert np.abs(made - file(name)[0]).max() <= 1  # another machine's sines


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_is_even(name):
    """Nothing in it makes the caller, or the agent, start."""
    sound, rate_hz = file(name)
    levels = np.array([level_db(sound[at : at + rate_hz // 10]) for at in range(0, len(sound), rate_hz // 10)])
    assert levels.std() < 3
    assert levels.max() < -23


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_tone_stands_out(name):
    """Of its surroundings, by more than speech's own harmonics do."""
    sound = file(name)[0].astype(float)
    frames = sound[: sound.size // 8192 * 8192].reshape(-1, 8192) * np.hanning(8192)
    power = 10 * np.log10(np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)[20:4000])
    around = np.convolve(power, np.ones(101) / 101, mode="same")
    assert (power - around)[60:-60].max() < 12


@needs_codec
@pytest.mark.parametrize("name", BUILT_IN)
def test_on_a_mobile_it_does_not_come_in_gusts(name):
    """The office before this one was speech to the network's voice detector 2.5 times a second, and noise in between:
    88 to 94 % of it was made up by the other end."""
    for volume in VOLUMES:
        for kbps in (12.2, 4.75):
            sent = on_a_mobile(name, volume, kbps)
            assert sent.switches_per_second <= 0.5, (volume, kbps)
            assert sent.speech.mean() > 0.93, (volume, kbps)


@needs_codec
@pytest.mark.parametrize("kbps", [12.2, 4.75])
@pytest.mark.parametrize("name", BUILT_IN)
def test_on_a_mobile_it_is_as_loud(name, kbps):
    """At 4.75 kbit/s several voices alike came 2.5 to 3 dB quieter, and clicks of keys 6: the codec has bits for one
    voice, and pulses for what rings."""
    for volume in VOLUMES:
        change = level_db(on_a_mobile(name, volume, kbps).sound) - level_db(on_the_line(name, volume))
        assert abs(change) <= (1.1 if kbps == 12.2 else 2), volume


@needs_codec
@pytest.mark.parametrize("name", ROOMS)
def test_on_a_mobile_it_is_as_bright(name):
    for volume in VOLUMES:
        assert -15 <= bright_db(on_the_line(name, volume)) <= -12
        for kbps in (12.2, 4.75):
            assert -15 <= bright_db(on_a_mobile(name, volume, kbps).sound) <= -12, (volume, kbps)


@needs_codec
def test_at_the_slowest_rate_a_mobile_takes_3_db_from_noise_and_4_if_it_sends_it_as_speech():
    """The standard makes what it describes 3 dB quieter, so `quiet` lost 3.5 dB while it was only noise. To keep the
    voice detector awake is not enough: the codec keeps the fan's hum, and what recurs in its air."""
    noise = np.random.default_rng(1).normal(0, 300, 20 * 8000).astype(np.int16)
    described, sent = (
        [level_db(transmit(noise, kbps, dtx=dtx).sound[16_000:]) - level_db(noise) for kbps in (12.2, 4.75)]
        for dtx in (True, False)
    )
    assert described[0] == pytest.approx(-0.6, abs=0.5)
    assert described[0] - described[1] == pytest.approx(3.0, abs=0.3)
    assert sent[1] < described[1] - 0.3


def above_its_surroundings(sound, rate_hz: int):
    """By how many dB each frequency of `sound` is louder than the 100 Hz to either side; and the frequencies."""
    size = rate_hz // 2
    frames = sound[: len(sound) // size * size].reshape(-1, size) * np.hanning(size)
    power = 10 * np.log10(np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0) + 1e-9)
    around = np.convolve(power, np.ones(101) / 101, mode="same")
    return power - around, np.fft.rfftfreq(size, 1 / rate_hz)


@needs_codec
def test_the_fan_does_not_buzz():
    """A fan whose harmonics stood out up to 3.4 kHz kept its level on a mobile, and buzzed on every other telephone."""
    sounds = [on_the_line("quiet", 0.3), *(on_a_mobile("quiet", 0.3, kbps).sound for kbps in (12.2, 4.75))]
    for sound in sounds:
        higher, hz = above_its_surroundings(sound.astype(float), 8000)
        assert higher[(hz >= 200) & (hz < 3300)].max() < 10
        assert higher[(hz >= 110) & (hz < 150)].max() > 8  # the motor's hum


def test_nothing_happens_in_a_quiet_room():
    sound, rate_hz = file("quiet")
    levels = np.array([level_db(part) for part in np.split(sound, len(sound) * 10 // rate_hz)])
    assert levels.max() - np.median(levels) < 5
    assert np.median(levels) - levels.min() < 5


@pytest.mark.parametrize("name", ROOMS)
def test_g711_leaves_it_as_it_is(name):
    sound = on_the_line(name, 0.3)
    coded = pcm.ulaw_decode(pcm.ulaw_encode(sound))
    assert level_db(coded) == pytest.approx(level_db(sound), abs=0.2)
    assert bright_db(coded) == pytest.approx(bright_db(sound), abs=0.6)


@needs_codec
def test_a_little_noise_is_what_a_mobile_makes_of_it_and_of_none_it_makes_none():
    """Digital silence stays digital silence: a dead line. At -60 dBFS it is a line on which nobody speaks."""
    words, silence = spoken("agent_goodbye"), np.zeros(4 * 8000, dtype=np.int16)
    for kbps in (12.2, 4.75):
        for dtx in (True, False):
            assert not transmit(silence, kbps, dtx=dtx).sound[8000:].any()
            sent = transmit(np.concatenate([words, silence]), kbps, dtx=dtx).sound
            assert not sent[len(words) + 4000 :].any()
    comfort = on_the_line("quiet", 0.03)
    assert level_db(comfort) == pytest.approx(-60.5, abs=1)
    assert level_db(transmit(comfort).sound) == pytest.approx(level_db(comfort), abs=1.5)
