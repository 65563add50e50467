"""Test sounds, and what can be measured on them."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def sine(hz: float, rate_hz: int, seconds: float, level: float = 10_000) -> Samples:
    """A steady tone."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(level * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def noise(count: int, seed: int = 1, level: int = 8000) -> Samples:
    """Samples of which no two stretches are alike: whatever is played can be found again."""
    return np.random.default_rng(seed).integers(-level, level, count, dtype=np.int16)


def pitch(sound: Samples, rate_hz: int) -> float:
    """Frequency of the loudest partial, to a fraction of a hertz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), n=8 * len(sound)))
    return float(np.argmax(spectrum)) * rate_hz / (8 * len(sound))


def purity_db(sound: Samples, hz: float, rate_hz: int) -> float:
    """How far everything but the tone of `hz` lies below it: clicks, aliases and noise make it small."""
    t = np.arange(len(sound)) / rate_hz
    basis = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, sound.astype(float), rcond=None)
    tone = basis @ fit
    rest = sound - tone
    return float(10 * np.log10((tone @ tone) / max(rest @ rest, 1e-9)))


def largest_step(sound: Samples) -> int:
    """The largest jump between neighbours."""
    return int(np.abs(np.diff(sound.astype(np.int32))).max(initial=0))


def wav(path: Path, sound: NDArray, rate_hz: int, subtype: str = "PCM_16") -> Path:
    """Write `sound` (a column a channel) as a WAV file."""
    soundfile.write(str(path), sound, rate_hz, subtype=subtype, format="WAV")
    return path
