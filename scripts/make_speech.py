"""Synthesises the lines of sim/assets/lines.toml to sim/assets/*.wav, and the apology that ships with the relay.

The files are committed: run this to change a line.

Needs flite from Debian (`apt-get install flite`), whose CMU voices may be used for any purpose. Each line is trimmed,
resampled to 8 kHz (the apology to 16 kHz), faded at both ends and set to -20 dBFS (the level of its louder half, so
that pauses don't count).
"""

import subprocess
import tempfile
import tomllib
import wave
from pathlib import Path

import numpy as np
import samplerate
from numpy.typing import NDArray

from relay.sounds import APOLOGY_TEXT

ASSETS = Path(__file__).parent.parent / "sim" / "assets"
APOLOGY = Path(__file__).parent.parent / "relay" / "audio" / "assets" / "apology.wav"
APOLOGY_HZ = 16_000
RATE_HZ = 8000
LEVEL_DB = -20.0
PEAK_DB = -1.5
VOICES = {"agent": "slt", "caller": "rms", "backup": "awb"}


def speak(text: str, voice: str) -> tuple[NDArray[np.float64], int]:
    """`text` in flite's `voice`: samples from -1 to 1, and their rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        with wave.open(str(path)) as file:
            frames, rate_hz = file.readframes(file.getnframes()), file.getframerate()
    return np.frombuffer(frames, "<i2") / 32768.0, rate_hz


def loudness(sound: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """RMS of each 20 ms block."""
    size = rate_hz // 50
    frames = sound[: sound.size // size * size].reshape(-1, size)
    levels: NDArray[np.float64] = np.sqrt(np.mean(frames**2, axis=1))
    return levels


def prepare(sound: NDArray[np.float64], source_hz: int, rate_hz: int) -> NDArray[np.int16]:
    """`sound` as it is stored: at `rate_hz` and LEVEL_DB, peaks below PEAK_DB, with 40 ms of silence at each end."""
    if rate_hz != source_hz:
        sound = np.asarray(samplerate.resample(sound.astype(np.float32), rate_hz / source_hz, "sinc_best"), float)
    levels = loudness(sound, rate_hz)
    loud = np.flatnonzero(levels > levels.max() * 0.03)
    size = rate_hz // 50
    sound = sound[max(0, (loud[0] - 2) * size) : (loud[-1] + 3) * size].copy()
    fade = np.linspace(0.0, 1.0, rate_hz // 100)
    sound[: fade.size] *= fade
    sound[-fade.size :] *= fade[::-1]
    levels = loudness(sound, rate_hz)
    speech = np.sqrt(np.mean(levels[levels >= np.median(levels)] ** 2))
    gain = min(10 ** (LEVEL_DB / 20) / speech, 10 ** (PEAK_DB / 20) / np.abs(sound).max())
    samples: NDArray[np.int16] = np.round(sound * gain * 32767).astype("<i2")
    return samples


def write(path: Path, pcm: NDArray[np.int16], rate_hz: int) -> int:
    """Store `pcm` and print its length and level; returns the file's size."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())
    print(f"{path.stem:20} {pcm.size / rate_hz:5.1f} s  peak {20 * np.log10(np.abs(pcm).max() / 32768):5.1f} dBFS")
    return path.stat().st_size


def main() -> None:
    total = write(APOLOGY, prepare(*speak(APOLOGY_TEXT, VOICES["agent"]), APOLOGY_HZ), APOLOGY_HZ)
    for speaker, lines in tomllib.loads((ASSETS / "lines.toml").read_text()).items():
        for name, text in lines.items():
            total += write(ASSETS / f"{name}.wav", prepare(*speak(text, VOICES[speaker]), RATE_HZ), RATE_HZ)
    print(f"{total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
