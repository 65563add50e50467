"""Makes relay/audio/assets/office.wav: 24 s of an office, synthesised from nothing but numpy, the same every time.

Everything is circular. Noise is shaped in the frequency domain over the whole length, events and echoes wrap around
the end, so the last sample runs into the first and the file loops without a seam. Nothing said in it is speech: the
murmur is harmonics of a wandering pitch through wandering formants, heard through the echo of a room.
"""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]

RATE_HZ = 16_000
SECONDS = 24
SAMPLES = RATE_HZ * SECONDS
LEVEL_DB = -30.0
TARGET = Path(__file__).parent.parent / "relay" / "audio" / "assets" / "office.wav"

rng = np.random.default_rng(20260901)


def shaped_noise(curve_hz_db: list[tuple[float, float]]) -> Sound:
    """Periodic noise, RMS 1, whose spectrum follows (Hz, dB) points joined by lines over the logarithm of frequency."""
    hz = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)
    points = np.array(curve_hz_db)
    db = np.interp(np.log(np.maximum(hz, 1.0)), np.log(points[:, 0]), points[:, 1])
    spectrum = 10 ** (db / 20) * np.exp(2j * np.pi * rng.random(hz.size))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, SAMPLES)
    unit: Sound = noise / np.sqrt(np.mean(noise**2))
    return unit


def room(sound: Sound, seconds: float, low_pass_hz: float, direct: float) -> Sound:
    """`sound` in a room: `direct` of it plain, the rest as a decaying echo, darker than `low_pass_hz`; wraps around."""
    time = np.arange(int(RATE_HZ * seconds * 1.5)) / RATE_HZ
    echo = np.zeros(SAMPLES)
    echo[: time.size] = rng.standard_normal(time.size) * 10 ** (-3 * time / seconds)
    echo /= np.sqrt(np.sum(echo**2))
    echo *= 1 - direct
    echo[0] += direct
    hz = np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ)
    darken = 1 / (1 + (hz / low_pass_hz) ** 4) ** 0.5
    return np.fft.irfft(np.fft.rfft(sound) * np.fft.rfft(echo) * darken, SAMPLES)


def wandering(low: float, high: float, every_s: float) -> Sound:
    """A smooth random course between two values, a new target about every `every_s` seconds."""
    steps = np.cumsum(rng.uniform(0.6, 1.4, int(SECONDS / every_s * 2))) * every_s
    targets = rng.uniform(low, high, steps.size)
    window = np.hanning(int(every_s * RATE_HZ * 0.8))
    course = np.interp(np.arange(SAMPLES) / RATE_HZ, steps, targets)
    return np.convolve(course, window / window.sum(), mode="same")


def phrases() -> Sound:
    """How loud a voice is: phrases of syllables with pauses between them, quiet at both ends."""
    loud = np.zeros(SAMPLES)
    at = rng.uniform(0.3, 2.0)
    while at < SECONDS - 3.5:
        end = at + rng.uniform(1.2, 3.2)
        while at < end:
            length = rng.uniform(0.11, 0.26)
            first, size = int(at * RATE_HZ), int(length * RATE_HZ)
            loud[first : first + size] += np.hanning(size) ** 0.7 * rng.uniform(0.35, 1.0)
            at += length * rng.uniform(0.75, 1.05)
        at += rng.uniform(0.5, 2.2)
    return loud


def voice(pitch_hz: float) -> Sound:
    """Somebody talking behind a wall: the melody and rhythm of speech, no words."""
    pitch = wandering(pitch_hz * 0.82, pitch_hz * 1.22, 0.35) * (1 + 0.012 * wandering(-1, 1, 0.03))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    formants = [
        (wandering(320, 760, 0.17), 90.0, 1.0),
        (wandering(850, 2050, 0.17), 130.0, 0.45),
        (wandering(2300, 2800, 0.3), 200.0, 0.16),
    ]
    sound = np.zeros(SAMPLES)
    for harmonic in range(1, int(3200 / pitch_hz)):
        hz = harmonic * pitch
        strength = sum(gain / (1 + ((hz - centre) / width) ** 2) for centre, width, gain in formants)
        sound += strength * np.sin(harmonic * phase) / harmonic**0.4
    breath = shaped_noise([(500, -40), (1800, -6), (2800, 0), (4000, -6), (7000, -30)])
    loud = phrases()
    sound = loud * sound + 0.05 * np.roll(loud, int(0.06 * RATE_HZ)) * breath
    return np.roll(sound / np.sqrt(np.mean(sound**2)), rng.integers(SAMPLES))


def place(track: Sound, sound: Sound, at_s: float) -> None:
    """Add `sound` to `track`, around the end if need be."""
    index = (int(at_s * RATE_HZ) + np.arange(sound.size)) % SAMPLES
    track[index] += sound


def key() -> Sound:
    """One key: a press and, a little later, a softer release; each a few milliseconds of dull noise."""
    press = np.zeros(int(0.14 * RATE_HZ))
    for at_s, loud in ((0.0, 1.0), (rng.uniform(0.06, 0.1), rng.uniform(0.3, 0.5))):
        size = int(0.022 * RATE_HZ)
        first = int(at_s * RATE_HZ)
        time = np.arange(size) / RATE_HZ
        tone = np.sin(2 * np.pi * rng.uniform(900, 2100) * time + rng.uniform(0, 6))
        noise = np.convolve(rng.standard_normal(size), np.ones(3) / 3, mode="same")
        knock = np.exp(-time / 0.0035) * (1 - np.exp(-time / 0.0006))
        press[first : first + size] += loud * (noise + 0.5 * tone) * knock
    return press * rng.uniform(0.55, 1.0)


def typing() -> Sound:
    """Two people typing a few words now and then."""
    track = np.zeros(SAMPLES)
    for start, keys in ((1.7, 9), (6.2, 14), (11.4, 6), (15.1, 17), (20.9, 8)):
        at = start
        for _ in range(keys):
            place(track, key(), at)
            at += rng.uniform(0.09, 0.2) + (rng.uniform(0.1, 0.35) if rng.random() < 0.15 else 0)
    return track


def ringing() -> Sound:
    """A desk telephone two rooms away: two soft trills."""
    track = np.zeros(SAMPLES)
    time = np.arange(int(0.9 * RATE_HZ)) / RATE_HZ
    trill = np.where((time * 18) % 1 < 0.5, np.sin(2 * np.pi * 620 * time), np.sin(2 * np.pi * 780 * time))
    loud = np.minimum(1, time / 0.03) * np.minimum(1, (time[-1] - time) / 0.15)
    for at_s in (17.6, 19.9):
        place(track, trill * loud, at_s)
    return track


def paper() -> Sound:
    """A page turned, twice."""
    track = np.zeros(SAMPLES)
    rustle = shaped_noise([(300, -30), (1500, -8), (3500, 0), (6000, -6), (8000, -18)])
    for at_s, length_s in ((9.3, 0.7), (22.8, 0.5)):
        size = int(length_s * RATE_HZ)
        crackle = np.interp(np.arange(size), np.arange(0, size + 240, 240), rng.random(size // 240 + 2) ** 3)
        place(track, rustle[:size] * crackle * np.hanning(size), at_s)
    return track


def level(sound: Sound, db: float, *, peak: bool = False) -> Sound:
    """`sound` at `db` relative to full scale: its RMS, or its peak."""
    reference = np.abs(sound).max() if peak else np.sqrt(np.mean(sound**2))
    levelled: Sound = sound * 10 ** (db / 20) / reference
    return levelled


def main() -> None:
    air = shaped_noise([(25, -30), (60, -6), (120, 0), (300, -2), (700, -9), (2000, -21), (5000, -35), (8000, -46)])
    turn = 2 * np.pi * np.arange(SAMPLES) / SAMPLES  # whole turns a loop: periodic like the rest
    air *= 1 + 0.06 * np.sin(3 * turn) + 0.04 * np.sin(7 * turn + 1)
    far = room(sum((voice(hz) for hz in (105, 122, 178, 205)), np.zeros(SAMPLES)), 0.55, 1500, direct=0.1)
    near = room(sum((voice(hz) for hz in (131, 192)), np.zeros(SAMPLES)), 0.4, 2100, direct=0.3)
    office = (
        level(air, -34)
        + level(far, -33)
        + level(near, -36)
        + level(room(typing(), 0.3, 3600, direct=0.45), -19, peak=True)
        + level(room(ringing(), 0.7, 1700, direct=0.15), -30, peak=True)
        + level(room(paper(), 0.3, 4500, direct=0.5), -31, peak=True)
    )
    office = level(office, LEVEL_DB)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(TARGET), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.round(office * 32767).astype("<i2").tobytes())
    print(f"{TARGET.name}: {SECONDS} s, {LEVEL_DB} dBFS, peak {20 * np.log10(np.abs(office).max()):.1f} dBFS")


if __name__ == "__main__":
    main()
