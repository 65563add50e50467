"""What the fakes say: the lines of the scenarios, and tones, of which every hertz can be measured."""

import numpy as np

from sim.sound import Pcm
from sim.speech import line, spoken


def sound(name: str, rate_hz: int) -> Pcm:
    """A line of the scenarios, or `tone:HERTZ:MILLISECONDS` at -12 dBFS."""
    if not name.startswith("tone:"):
        return spoken(name, rate_hz)
    _, hertz, milliseconds = name.split(":")
    places = np.arange(rate_hz * int(milliseconds) // 1000) / rate_hz
    tone: Pcm = np.rint(8192 * np.sin(2 * np.pi * float(hertz) * places)).astype(np.int16)
    return tone


def words(name: str) -> str:
    """What is said in it."""
    return "(a tone)" if name.startswith("tone:") else line(name).text
