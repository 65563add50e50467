import functools

import numpy as np
import pytest

from relay.audio.ambience import Ambience
from sim.heard import find_line
from sim.speech import lines, spoken

RATE = 8000


@functools.cache
def office():
    return Ambience.load("office").at(RATE).take(0, 60 * RATE, 0.3)


def track(*pieces):
    """Lines and pauses (in ms) one after another, over the office."""
    parts = [np.zeros(RATE * piece // 1000, np.int16) if isinstance(piece, int) else piece for piece in pieces]
    sound = np.concatenate(parts)
    return sound + np.resize(office(), sound.size)


@pytest.mark.parametrize("name", lines())
def test_a_line_is_found_over_the_office(name):
    found = find_line(track(1500, spoken(name), 2000), RATE, name)
    assert found.is_whole
    assert found.at_s == pytest.approx(1.5, abs=0.001)
    assert found.gain == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("cut_ms", [500, 2010, 3000])
def test_where_a_line_was_cut_off(cut_ms):
    spoken_part = spoken("agent_clinics")[: RATE * cut_ms // 1000]
    found = find_line(track(700, spoken_part, 3000), RATE, "agent_clinics")
    assert not found.is_whole
    assert found.heard_ms == pytest.approx(cut_ms, abs=60)
    assert found.length_ms == spoken("agent_clinics").size // 8


def test_a_line_that_was_not_spoken_is_not_found():
    heard = track(500, spoken("agent_greeting"), 500, spoken("agent_hours"), 500)
    assert find_line(heard, RATE, "agent_goodbye") is None
    assert find_line(track(2000), RATE, "agent_goodbye") is None
    assert find_line(track(20), RATE, "agent_goodbye") is None
    assert find_line(np.zeros(0, np.int16), RATE, "agent_goodbye") is None


def test_a_hole_in_a_line_ends_it():
    """A line of which 150 ms are missing in the middle was not heard whole, though what follows is all there."""
    holed = spoken("agent_greeting").copy()
    holed[RATE : RATE + RATE * 150 // 1000] = 0
    found = find_line(track(300, holed, 300), RATE, "agent_greeting")
    assert found.heard_ms <= 1100


def test_how_loud_it_was():
    quiet = (spoken("agent_hours") * 0.5).astype(np.int16)
    assert find_line(track(300, quiet, 300), RATE, "agent_hours").gain == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("rate", [16000, 24000])
def test_other_rates(rate):
    heard = np.concatenate([np.zeros(rate, np.int16), spoken("agent_hours", rate), np.zeros(rate, np.int16)])
    found = find_line(heard, rate, "agent_hours")
    assert found.is_whole
    assert found.at_s == pytest.approx(1.0, abs=0.001)
