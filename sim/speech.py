"""The spoken lines of the scenarios: sim/assets/lines.toml names them, sim/assets/NAME.wav speaks them."""

import tomllib
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sim.sound import Pcm, resampled

ASSETS = Path(__file__).parent / "assets"
LINE_HZ = 8000


@dataclass(frozen=True, slots=True)
class Line:
    """`speaker` is who says it: agent, caller or backup."""

    name: str
    speaker: str
    text: str


@cache
def lines() -> dict[str, Line]:
    """Every line by its name."""
    spoken = tomllib.loads((ASSETS / "lines.toml").read_text(encoding="utf-8"))
    return {name: Line(name, speaker, text) for speaker, by in spoken.items() for name, text in by.items()}


def line(name: str) -> Line:
    """The line called `name`; an unknown name raises an error that lists the valid ones."""
    if name not in lines():
        raise ValueError(f"no line is called {name!r}: expected one of {', '.join(lines())}")
    return lines()[name]


@cache
def spoken(name: str, rate_hz: int = LINE_HZ) -> Pcm:
    """The sound of a line at `rate_hz`. Shared: don't write to it."""
    pcm = resampled(read_wav(ASSETS / f"{line(name).name}.wav"), LINE_HZ, rate_hz)
    pcm.flags.writeable = False
    return pcm


def read_wav(path: Path) -> Pcm:
    """The samples of a mono 16-bit WAV file."""
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise ValueError(f"{path.name}: expected mono, 16 bit")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def write_wav(path: Path, rate_hz: int, *channels: Pcm) -> None:
    """One or more tracks side by side; shorter ones are filled with silence."""
    size = max(track.size for track in channels)
    interleaved = np.zeros((size, len(channels)), "<i2")
    for index, track in enumerate(channels):
        interleaved[: track.size, index] = track
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(interleaved.tobytes())
