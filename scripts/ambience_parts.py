"""The parts of the ambiences: noise, rooms, voices without words, keys, telephones, engines. Needs only numpy.

Everything is circular. Noise is shaped in the frequency domain over the whole length; events and echoes wrap around
the end. So the last sample continues with the first, and a file loops without a seam.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]
Curve = tuple[tuple[float, float], ...]
"""(Hz, dB) points."""

RATE_HZ = 16_000
_KEY_RINGS = ((220, 320, 1.0, 0.025), (900, 1500, 0.4, 0.015), (2200, 2900, 0.3, 0.01))
"""From Hz, to Hz, strength, seconds."""


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def level(sound: Sound, db: float, *, peak: bool = False) -> Sound:
    """`sound` at `db` relative to full scale: its RMS, or its peak."""
    reference = np.abs(sound).max() if peak else rms(sound)
    levelled: Sound = sound * 10 ** (db / 20) / reference
    return levelled


@dataclass
class Parts:
    """Sounds of one length, the same every time for the same seed."""

    seconds: int
    seed: int

    def __post_init__(self) -> None:
        self.samples = RATE_HZ * self.seconds
        self.rng = np.random.default_rng(self.seed)

    # --- noise and space ---

    def noise(self, curve_hz_db: Curve) -> Sound:
        """Noise, RMS 1, whose spectrum follows the points, joined by lines over the logarithm of frequency."""
        phases = np.exp(2j * np.pi * self.rng.random(self.samples // 2 + 1))
        return self._unit(10 ** (self._along(curve_hz_db) / 20) * phases)

    def recurring(self, curve_hz_db: Curve, alike: Curve, every_s: float) -> Sound:
        """Noise as `noise`, but what is heard recurs after `every_s` seconds, changed a little each time.

        `alike`: (Hz, 0 to 1) points, how much of it recurs. Near 1 it is a hum of 1 / `every_s` and its multiples.
        """
        hz = np.fft.rfftfreq(self.samples, 1 / RATE_HZ)
        share = self._along(alike)
        phases = np.exp(2j * np.pi * self.rng.random(hz.size))
        again = np.sqrt(1 - share**2) / (1 - share * np.exp(-2j * np.pi * hz * every_s))
        return self._unit(10 ** (self._along(curve_hz_db) / 20) * phases * again)

    def _along(self, curve: Curve) -> Sound:
        """The curve's value at each frequency of a spectrum of the whole length."""
        hz = np.fft.rfftfreq(self.samples, 1 / RATE_HZ)
        at_hz, values = np.array(curve).T
        along: Sound = np.interp(np.log(np.maximum(hz, 1.0)), np.log(at_hz), values)
        return along

    def _unit(self, spectrum: NDArray[np.complex128]) -> Sound:
        """The sound of a spectrum, RMS 1."""
        spectrum[0] = 0
        return level(np.fft.irfft(spectrum, self.samples), 0)

    def below(self, sound: Sound, hz: float) -> Sound:
        """What of `sound` is below `hz`, with a soft edge."""
        spectrum = np.fft.rfft(sound) / (1 + (np.fft.rfftfreq(self.samples, 1 / RATE_HZ) / hz) ** 4)
        return np.fft.irfft(spectrum, self.samples)

    def swayed(self, sound: Sound, sway: Sound) -> Sound:
        """`sound` played faster and slower, by `sway` of its speed: 0.01 is one percent faster."""
        finer = 4  # so that straight lines between samples are good enough
        fine = np.fft.irfft(np.fft.rfft(sound), finer * self.samples) * finer
        places = np.arange(self.samples) + np.cumsum(sway - sway.mean())  # ends where it began, so that it loops
        swayed: Sound = np.interp(places * finer, np.arange(fine.size), fine, period=fine.size)
        return swayed

    def room(self, sound: Sound, seconds: float, low_pass_hz: float, direct: float) -> Sound:
        """`sound` in a room: `direct` is the share without echo, the rest is a decaying echo; all is low-passed."""
        time = np.arange(int(RATE_HZ * seconds * 1.5)) / RATE_HZ
        echo = np.zeros(self.samples)
        echo[: time.size] = self.rng.standard_normal(time.size) * 10 ** (-3 * time / seconds)
        echo /= np.sqrt(np.sum(echo**2))
        echo *= 1 - direct
        echo[0] += direct
        hz = np.fft.rfftfreq(self.samples, 1 / RATE_HZ)
        darken = 1 / (1 + (hz / low_pass_hz) ** 4) ** 0.5
        return np.fft.irfft(np.fft.rfft(sound) * np.fft.rfft(echo) * darken, self.samples)

    def wandering(self, low: float, high: float, every_s: float) -> Sound:
        """A smooth random curve between two values, with a new target about every `every_s` seconds."""
        steps = np.cumsum(self.rng.uniform(0.6, 1.4, int(self.seconds / every_s * 2))) * every_s
        targets = self.rng.uniform(low, high, steps.size)
        last = np.searchsorted(steps, self.seconds)
        targets[last:] = targets[0]  # ends where it began, so that it loops
        course = np.interp(np.arange(self.samples) / RATE_HZ, steps, targets)
        size = int(every_s * RATE_HZ * 0.8)
        return np.roll(self.smoothed(course, size), -((size - 1) // 2))

    def turning(self, per_s: Sound) -> Sound:
        """The angle of something that turns `per_s` times a second."""
        angle: Sound = 2 * np.pi * np.cumsum(per_s) / RATE_HZ
        angle *= np.rint(angle[-1] / (2 * np.pi)) * 2 * np.pi / angle[-1]  # whole turns, so that it loops
        return angle

    def smoothed(self, course: Sound, size: int) -> Sound:
        """The mean of `size` samples up to each, those in the middle counting most; before the start is the end."""
        window = np.zeros(self.samples)
        window[:size] = np.hanning(size)
        return np.fft.irfft(np.fft.rfft(course) * np.fft.rfft(window / window.sum()), self.samples)

    def place(self, track: Sound, sound: Sound, at_s: float) -> None:
        """Add `sound` to `track`; what passes the end continues at the start."""
        first = int(at_s * RATE_HZ) % self.samples
        head = sound[: self.samples - first]
        track[first : first + head.size] += head
        track[: sound.size - head.size] += sound[head.size :]

    # --- people ---

    def phrases(self, pause_s: tuple[float, float]) -> Sound:
        """The loudness of a voice over time: phrases of syllables, with pauses of `pause_s` between them."""
        loud = np.zeros(self.samples)
        at, stop = self.rng.uniform(0.0, 0.5), self.seconds - 0.4
        while at < stop:
            end = min(stop, at + self.rng.uniform(1.2, 3.2))
            while at < end:
                length = self.rng.uniform(0.11, 0.26)
                syllable = np.hanning(int(length * RATE_HZ)) ** 0.7 * self.rng.uniform(0.5, 1.0)
                self.place(loud, syllable, at)
                at += length * self.rng.uniform(0.75, 1.05)
            at += self.rng.uniform(*pause_s)
        return loud

    def voice(self, pitch_hz: float, pause_s: tuple[float, float], breath: float = 0.05) -> Sound:
        """Somebody talking without words: melody and rhythm of speech, with formants that move. RMS 1."""
        pitch = self.wandering(pitch_hz * 0.82, pitch_hz * 1.22, 0.35) * (1 + 0.012 * self.wandering(-1, 1, 0.03))
        phase = self.turning(pitch)
        formants = [
            (self.wandering(320, 760, 0.17), 90.0, 1.0),
            (self.wandering(850, 2050, 0.17), 130.0, 0.45),
            (self.wandering(2300, 2800, 0.3), 200.0, 0.16),
        ]
        sound = np.zeros(self.samples)
        for harmonic in range(1, int(3400 / pitch_hz)):
            hz = harmonic * pitch
            strength = sum(gain / (1 + ((hz - centre) / width) ** 2) for centre, width, gain in formants)
            sound += strength * np.sin(harmonic * phase) / harmonic**0.4
        loud = self.phrases(pause_s)
        hiss = self.noise(((500, -40), (1800, -6), (2800, 0), (4000, -6), (7000, -30)))
        sound = loud * sound + breath * np.roll(loud, int(0.06 * RATE_HZ)) * hiss
        return np.roll(sound / rms(sound), self.rng.integers(self.samples))

    def voices(self, pitches: tuple[float, ...], pause_s: tuple[float, float], breath: float = 0.05) -> Sound:
        """Several voices at once."""
        return sum((self.voice(pitch, pause_s, breath) for pitch in pitches), np.zeros(self.samples))

    def talk(self, pitches: tuple[float, ...], pause_s: tuple[float, float], behind: float, turn_s: float) -> Sound:
        """Several voices at once, of which one after the other is the closest for `turn_s`; the others are `behind`
        times as loud.

        A codec of few bits keeps the level of one voice, and loses that of several alike.
        """
        turns = len(pitches) * max(1, round(self.seconds / turn_s / len(pitches)))
        turn = np.arange(self.samples) * turns // self.samples % len(pitches)
        talk = np.zeros(self.samples)
        for place, pitch in enumerate(pitches):
            near = self.smoothed((turn == place).astype(float), 2 * RATE_HZ)
            talk += self.voice(pitch, pause_s, 0.02) * (behind + (1 - behind) * near)
        return talk

    # --- things ---

    def key(self) -> Sound:
        """One key: a press and a little later a softer release. Each makes the board ring for some 50 ms: a codec of
        few bits has no pulses for a shorter click.
        """
        press = np.zeros(int(0.2 * RATE_HZ))
        for at_s, loud in ((0.0, 1.0), (self.rng.uniform(0.06, 0.1), self.rng.uniform(0.3, 0.5))):
            size = int(0.09 * RATE_HZ)
            first = int(at_s * RATE_HZ)
            time = np.arange(size) / RATE_HZ
            click = 0.15 * self.rng.standard_normal(size) * np.exp(-time / 0.003)
            for low_hz, high_hz, strength, ring_s in _KEY_RINGS:
                tone = np.sin(2 * np.pi * self.rng.uniform(low_hz, high_hz) * time)
                click += strength * tone * np.exp(-time / ring_s)
            press[first : first + size] += loud * click
        return press * self.rng.uniform(0.55, 1.0)

    def typing(self, pause_s: tuple[float, float]) -> Sound:
        """Words typed one after another, with `pause_s` between them."""
        track, at = np.zeros(self.samples), self.rng.uniform(0, 0.3)
        while at < self.seconds - 1:
            for _ in range(self.rng.integers(3, 16)):
                self.place(track, self.key(), at)
                at += self.rng.uniform(0.09, 0.2) + (self.rng.uniform(0.1, 0.3) if self.rng.random() < 0.12 else 0)
            at += self.rng.uniform(*pause_s)
        return track

    def ringing(self, tones_hz: tuple[float, float], trill_hz: float, times: int) -> Sound:
        """A desk telephone that rings `times` times, for one second each."""
        sound = np.zeros(int((2.4 * times) * RATE_HZ))
        time = np.arange(int(1.0 * RATE_HZ)) / RATE_HZ
        upper = (time * trill_hz) % 1 < 0.5
        trill = np.where(upper, np.sin(2 * np.pi * tones_hz[0] * time), np.sin(2 * np.pi * tones_hz[1] * time))
        ring = trill * np.minimum(1, time / 0.03) * np.minimum(1, (time[-1] - time) / 0.15)
        for number in range(times):
            first = int(2.3 * number * RATE_HZ)
            sound[first : first + ring.size] += ring
        return sound

    def paper(self, length_s: float) -> Sound:
        """A page being turned."""
        size = int(length_s * RATE_HZ)
        rustle = self.noise(((300, -30), (1500, -8), (3500, 0), (6000, -6), (8000, -18)))[:size]
        crackle = np.interp(np.arange(size), np.arange(0, size + 240, 240), self.rng.random(size // 240 + 2) ** 3)
        turned: Sound = rustle * crackle * np.hanning(size)
        return turned

    def horn(self, tones_hz: tuple[float, ...], length_s: float) -> Sound:
        """The horn of a car or a scooter, some distance away."""
        time = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
        sound: Sound = sum((np.tanh(3 * np.sin(2 * np.pi * hz * time)) for hz in tones_hz), np.zeros(time.size))
        blown: Sound = sound * np.minimum(1, time / 0.02) * np.minimum(1, (time[-1] - time) / 0.06)
        return blown

    def passing(self, noise: Sound, at_s: tuple[float, ...], length_s: float) -> Sound:
        """`noise` that comes close and goes away again at each of the times."""
        near = np.zeros(self.samples)
        for at in at_s:
            self.place(near, np.hanning(int(length_s * RATE_HZ)) ** 2, at)
        return noise * near

    def engine(self, beat_hz: float) -> Sound:
        """An idling auto-rickshaw: a dull, slightly uneven knock, `beat_hz` times a second. RMS 1."""
        track, at = np.zeros(self.samples), 0.0
        time = np.arange(int(0.05 * RATE_HZ)) / RATE_HZ
        while at < self.seconds:
            ring = np.exp(-time / 0.009) * np.sin(2 * np.pi * self.rng.uniform(150, 210) * time)
            self.place(track, ring * self.rng.uniform(0.7, 1.0), at)
            at += self.rng.normal(1.0, 0.04) / beat_hz
        return track / rms(track)
