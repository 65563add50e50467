"""The background sound: read once, converted once per rate, shared by all calls."""

from functools import lru_cache
from importlib import resources
from math import log10
from pathlib import Path
from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.ambience_loop import Loop, around, glided, scaled
from relay.audio.convert import at_rate
from relay.audio.edges import Gains, glide
from relay.audio.files import SoundFileError, read_mono
from relay.audio.pcm import LINE_RATES

BUILT_IN: Final = ("office", "call-centre", "street", "quiet", "typing")
CROSS_SECONDS: Final = 0.08  # from one ambience to another
_RAMP_SECONDS: Final = 0.08  # short enough to feel immediate, long enough not to click
LEVEL_DB: Final = -30.0  # of full scale: every file is scaled to this level, so that a volume sounds alike with all
_PEAK: Final = 30_000.0  # … or lower, so that no peak is above this
_DUCK_SECONDS: Final = 0.05  # down when the agent speaks: done before its first word ends
_RISE_SECONDS: Final = 0.4  # and up again: slow enough not to be noticed between two sentences
_NEAR: Final = 1e-6  # more than a gain of 32 bits is rounded by
_NOWHERE: Final = (0, 0)  # no speech


class Ambience:
    """A background sound as `Loop`s of every line rate."""

    def __init__(self, sound: pcm.Samples, rate_hz: int) -> None:
        self._loops = {rate: Loop(at_rate(sound, rate_hz, rate), rate) for rate in LINE_RATES}

    def at(self, rate_hz: int) -> Loop:
        """The loop for a line of `rate_hz`, one of LINE_RATES."""
        return self._loops[rate_hz]

    @classmethod
    def load(cls, name: str, content: bytes | None = None) -> "Ambience":
        """Read the sound file `name`, or a BUILT_IN one; `content`: see read_mono. Raises SoundFileError."""
        if name in BUILT_IN:
            return _built_in(name)
        sound, rate_hz = read_mono(Path(name), content)
        if len(sound) < rate_hz / 2:
            raise SoundFileError(f"ambience {name}: expected at least half a second, got {len(sound) / rate_hz:.2f} s")
        return cls(normalised(sound), rate_hz)


@lru_cache(maxsize=len(BUILT_IN))
def _built_in(name: str) -> Ambience:
    with resources.as_file(resources.files("relay.audio") / "assets" / f"{name}.flac") as path:
        return Ambience(*read_mono(path))


def normalised(sound: pcm.Samples) -> pcm.Samples:
    """`sound` with an RMS of LEVEL_DB, or lower if its peaks need it. Silence stays silence."""
    wave = sound.astype(np.float32)
    rms = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    if rms == 0.0:
        return sound
    gain = min(32768 * 10 ** (LEVEL_DB / 20) / rms, _PEAK / float(np.abs(wave).max()))
    return pcm.saturate(np.rint(wave * np.float32(gain)))


class AmbienceTrack:
    """One call's position in the loop and its volume. It has no clock: it returns the next samples on request.

    `start`: sample of the loop to begin with. `duck_db`: how much quieter it is while the agent speaks. `over`: a
    second track that is heard with it, such as typing while the agent is busy; it has its own volume and switch.
    """

    def __init__(
        self,
        loop: Loop,
        volume: float,
        *,
        enabled: bool = True,
        duck_db: float = 0.0,
        start: int = 0,
        over: "AmbienceTrack | None" = None,
    ) -> None:
        self._loop = loop
        self._length = len(loop)
        self._cursor = start % self._length
        self._gain = 0.0
        self._ducked = 1.0
        self._floor = 10 ** (-duck_db / 20)
        depth = 1 - self._floor
        self._rise, self._fall = (depth / (seconds * loop.rate_hz) for seconds in (_RISE_SECONDS, _DUCK_SECONDS))
        self._step = 1 / (_RAMP_SECONDS * loop.rate_hz)
        self._volume = volume
        self._enabled = enabled
        self._settle()
        self.over = over
        self._leaving: AmbienceTrack | None = None

    @property
    def volume(self) -> float:
        """0.0 to 1.0, whether it is on or not."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._volume = volume
        self._settle()

    @property
    def enabled(self) -> bool:
        """Whether it is on."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        self._settle()

    def _settle(self) -> None:
        """Once for each change: the gain is asked for with every frame."""
        self._target = round(self._volume, 2) if self._enabled else 0.0
        self._under_speech = round(self._target * self._floor, 4)

    @property
    def silent(self) -> bool:
        """Nothing is audible now, and nothing is requested."""
        own = self._gain == 0.0 and self._target == 0.0 and self._leaving is None
        return own and (self.over is None or self.over.silent)

    @property
    def level_db(self) -> float | None:
        """The requested level in dB of full scale; None if it is off, or silence."""
        level = self._loop.rms * self._target
        return round(20 * log10(level / 32768), 1) if level else None

    def take(self, count: int, speech: tuple[int, int] = _NOWHERE) -> pcm.Samples:
        """As `raw`, as samples."""
        return pcm.samples(self.raw(count, speech))

    def raw(self, count: int, speech: tuple[int, int] = _NOWHERE) -> bytes:
        """The next `count` samples (pcm), under `speech` from its first sample to before its last.

        A change of volume is a ramp from the current gain.
        """
        start, self._cursor = self._cursor, (self._cursor + count) % self._length
        if self._gain == self._target and speech == _NOWHERE and self._ducked == 1.0:  # most frames of a call
            own = scaled(self._loop.raw, start, count, self._target)
        elif self._gain == self._target and self._ducked == self._floor and speech == (0, count):  # most of speech
            own = scaled(self._loop.raw, start, count, self._under_speech)
        else:
            own = self._moving(start, count, speech)
        if self._leaving is not None:
            own = pcm.mixed(own, self._leaving.raw(count, speech))
            if self._leaving.silent:
                self._leaving = None
        if self.over is None or self.over.silent:
            return own
        return pcm.mixed(own, self.over.raw(count, speech))

    def _moving(self, start: int, count: int, speech: tuple[int, int]) -> bytes:
        """While the volume, or the factor for it during speech, is changing; or may have changed."""
        loop, gain, ways = self._loop.raw, self._gains(count), self._ducking(count, speech)
        if not isinstance(gain, float):
            ducked = np.concatenate([self._glided(*way) for way in ways]) if ways else self._ducked
            return pcm.scale(around(loop, start, count), gain * ducked).tobytes()
        if not ways:
            return scaled(loop, start, count, round(gain * self._ducked, 4))
        parts = []
        for target, samples, step in ways:
            part, end = glided(loop, start, samples, gain, self._ducked, target, step)
            parts.append(part)
            self._arrive(end, target)
            start = (start + samples) % self._length
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _gains(self, count: int) -> float | Gains:
        """The volume, or the ramp to a new one."""
        target = self._target
        if self._gain == target:
            return target
        gains = glide(self._gain, target, self._step, count)
        self._gain = target if gains[-1] == np.float32(target) else float(gains[-1])
        return gains

    def _ducking(self, count: int, speech: tuple[int, int]) -> list[tuple[float, int, float]]:
        """The parts of a frame in which the factor for speech changes: to what, for how many samples, and how much with
        each. None: it stays.
        """
        first, last = speech
        if self._floor == 1.0 or (first == last and self._ducked == 1.0):
            return []
        if (first, last) == (0, count) and self._ducked == self._floor:
            return []
        parts = (1.0, first, self._rise), (self._floor, last - first, self._fall), (1.0, count - last, self._rise)
        return [part for part in parts if part[1]]

    def _glided(self, target: float, samples: int, step: float) -> Gains:
        """The ramp to `target`, where `_ducked` then is, or on the way there."""
        gains = glide(self._ducked, target, step, samples)
        self._arrive(gains.item(samples - 1), target)
        return gains

    def _arrive(self, end: float, target: float) -> None:
        reached = abs(end - target) < _NEAR and end == float(np.float32(target))
        self._ducked = target if reached else end

    def follow(self, other: "AmbienceTrack | None") -> None:
        """Fade in while `other`, the track heard until now, fades out. At most two are heard at the same time."""
        if other is not None:
            other._leaving = None
            other.fade_out(CROSS_SECONDS)
            self._leaving = other

    def fade_out(self, seconds: float) -> None:
        """Fade to silence within `seconds`, from the current gain, permanently."""
        self._step = max(self._gain, 0.01) / (seconds * self._loop.rate_hz)
        self.enabled = False
        if self.over is not None:
            self.over.fade_out(seconds)

    def rewind(self, count: int) -> None:
        """Go back by `count` samples that were taken but will not be heard, because the line dropped them."""
        self._cursor = (self._cursor - count) % self._length
        for track in (self.over, self._leaving):
            if track is not None:
                track.rewind(count)
