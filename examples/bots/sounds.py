"""Sound for bots: files of any rate, and a beep."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from relay.agents.bot import RATE_HZ
from relay.audio.convert import at_rate
from relay.audio.files import read_mono


@lru_cache(maxsize=64)
def load(path: str) -> bytes:
    """A sound file as 16 kHz pcm. Raises SoundFileError. Read once, shared by all calls."""
    sound, rate_hz = read_mono(Path(path))
    return at_rate(sound, rate_hz, RATE_HZ).tobytes()


def beep(hertz: float = 1000.0, milliseconds: int = 300) -> bytes:
    """A tone of medium loudness, faded in and out over 10 ms."""
    places = np.arange(RATE_HZ * milliseconds // 1000)
    fade = np.clip(np.minimum(places, places[::-1]) / (0.01 * RATE_HZ), 0.0, 1.0)
    return np.rint(6000 * fade * np.sin(2 * np.pi * hertz * places / RATE_HZ)).astype("<i2").tobytes()
