"""What the recordings are promised to be: the scenarios' timing relies on it."""

import wave

import numpy as np
import pytest

from sim.sound import level_db
from sim.speech import ASSETS, lines, spoken


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
