"""What the recordings are promised to be: the scenarios' timing and the relay's ambience rely on it."""

import wave

import numpy as np
import pytest

from sim.processes import ROOT
from sim.sound import level_db
from sim.speech import ASSETS, lines, read_wav, spoken

OFFICE = ROOT / "relay" / "audio" / "assets" / "office.wav"


@pytest.mark.parametrize("name", lines())
def test_lines(name):
    with wave.open(str(ASSETS / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
    pcm = spoken(name)
    assert 1.0 < pcm.size / 8000 < 15
    levels = np.array([level_db(pcm[first : first + 160]) for first in range(0, pcm.size - 160, 160)])
    assert level_db(pcm) == pytest.approx(-22, abs=2.5)
    assert levels.max() < -8
    assert abs(pcm[0]) < 50 > abs(pcm[-1]), "no click at either end"
    assert np.abs(pcm.astype(int)).max() < 30_000


def test_every_file_is_a_line_and_they_are_small():
    files = list(ASSETS.glob("*.wav"))
    assert {path.stem for path in files} == set(lines())
    assert sum(path.stat().st_size for path in files) < 1_500_000


def test_the_office_is_even_and_loops_without_a_seam():
    pcm = read_wav(OFFICE)
    assert 20 * 16000 <= pcm.size <= 30 * 16000
    assert level_db(pcm) == pytest.approx(-30, abs=0.5)
    assert abs(pcm.mean()) < 5
    levels = np.array([level_db(pcm[first : first + 1600]) for first in range(0, pcm.size, 1600)])
    assert levels.std() < 3
    assert levels.max() < -22
    steps = np.abs(np.diff(pcm.astype(int)))
    assert abs(int(pcm[0]) - int(pcm[-1])) < np.percentile(steps, 99)


def test_the_office_does_not_hum():
    """No tone stands out of its surroundings by more than speech's own harmonics do."""
    pcm = read_wav(OFFICE).astype(float)
    frames = pcm[: pcm.size // 8192 * 8192].reshape(-1, 8192) * np.hanning(8192)
    power = 10 * np.log10(np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)[20:4000])
    around = np.convolve(power, np.ones(101) / 101, mode="same")
    assert (power - around)[60:-60].max() < 12
