"""Makes console/rehearse/suites/front_desk/hold_music.wav: our own tune in the style of telephone systems."""

from pathlib import Path

import numpy as np

from sim.speech import write_wav

RATE_HZ = 8000
TARGET = Path(__file__).parent.parent / "console" / "rehearse" / "suites" / "front_desk" / "hold_music.wav"
NOTE_S = 0.4
TUNE = (0, 4, 7, 12, 11, 7, 4, 7, 2, 5, 9, 12, 11, 9, 7, 5)  # semitones above A4


def note(semitones: int) -> np.ndarray:
    """One note with two overtones, which is struck and fades."""
    at = np.arange(round(NOTE_S * RATE_HZ)) / RATE_HZ
    hertz = 440 * 2 ** (semitones / 12)
    wave = sum(np.sin(2 * np.pi * hertz * over * at) / over**2 for over in (1, 2, 3))
    return np.asarray(wave * np.exp(-3 * at) * np.minimum(1, at / 0.005))


def main() -> None:
    """Write the file."""
    tune = np.concatenate([note(semitones) for semitones in TUNE])
    write_wav(TARGET, RATE_HZ, np.rint(tune / np.abs(tune).max() * 9000).astype(np.int16))


if __name__ == "__main__":
    main()
