"""A background sound at one line rate, without an end, and at the volumes that are in use: shared by all calls."""

from math import nan
from typing import Final

import numpy as np

from relay.audio import pcm

_SEAM_SECONDS: Final = 0.05
_VOLUMES: Final = 16  # volumes for which whole loops are cached
_FORGOTTEN: Final = 50_000  # frames since a volume was last used: after these, another one may replace it


class Whole:
    """A whole loop at `gain`: the same memory as bytes and as samples. `used`: when, counted in frames of all calls."""

    __slots__ = ("gain", "raw", "samples", "used")

    def __init__(self, gain: float, sound: pcm.Samples) -> None:
        self.gain = gain
        self.raw = pcm.scale(sound, gain).tobytes()
        self.samples = pcm.samples(self.raw)
        self.used = 0

    def drop(self) -> None:
        """It is no longer kept: a track that had it last looks its volume up again."""
        self.gain, self.raw, self.samples = nan, b"", pcm.samples(b"")


class Loop:
    """An ambience at one line rate, for continuous playback."""

    def __init__(self, sound: pcm.Samples, rate_hz: int) -> None:
        """`sound`: at least two crossfades long. Its end is crossfaded with its start, so the seam is inaudible."""
        seam = int(_SEAM_SECONDS * rate_hz)
        fade_in = np.sin(np.linspace(0, np.pi / 2, seam, dtype=np.float32))
        head = sound[:seam] * fade_in + sound[-seam:] * fade_in[::-1]  # equal power: the parts are not correlated
        self._raw = np.concatenate([pcm.saturate(head), sound[seam:-seam]]).tobytes()
        self._sound = pcm.samples(self._raw)
        self._length = len(self._sound)
        self.rate_hz = rate_hz
        self.rms = float(np.sqrt(np.mean(np.square(self._sound, dtype=np.float64))))
        self._wholes: dict[float, Whole] = {}
        self._taken = 0

    def __len__(self) -> int:
        return self._length

    def take(self, start: int, count: int, gain: float) -> pcm.Samples:
        """`count` samples from `start` on, in a loop, at `gain`."""
        return self.part(start, count, gain, self.whole(gain, None))

    def part(self, start: int, count: int, gain: float, whole: Whole | None) -> pcm.Samples:
        """The same of what `whole` returned for `gain`."""
        if whole is None:
            return pcm.scale(self._around(self._sound, start, count), gain)
        end = start + count
        return whole.samples[start:end] if end <= self._length else self._around(whole.samples, start, count)

    def unscaled(self, start: int, count: int) -> bytes:
        """`count` samples from `start` on, in a loop, as loud as in its file (pcm)."""
        end = start + count
        if end > self._length:
            return self._around(self._sound, start, count).tobytes()
        return self._raw[start * pcm.SAMPLE_BYTES : end * pcm.SAMPLE_BYTES]

    def raw(self, start: int, count: int, gain: float, whole: Whole | None) -> bytes:
        """The same as bytes."""
        end = start + count
        if whole is None or end > self._length:
            return self.part(start, count, gain, whole).tobytes()
        return whole.raw[start * pcm.SAMPLE_BYTES : end * pcm.SAMPLE_BYTES]

    def whole(self, gain: float, latest: Whole | None) -> Whole | None:
        """The whole loop at `gain`, which is cached for volumes in use, so a steady volume costs no arithmetic.
        `latest`: what this returned for the last frame. It is nearly always right, and found without a look-up.

        If there are too many volumes, the others are computed frame by frame (None): computing whole loops and dropping
        them soon delayed all calls.
        """
        self._taken += 1
        if latest is not None and latest.gain == gain:
            latest.used = self._taken
            return latest
        whole = self._wholes.get(gain)
        if whole is None:
            if not self._make_room():
                return None
            whole = self._wholes[gain] = Whole(gain, self._sound)
        whole.used = self._taken
        return whole

    def _make_room(self) -> bool:
        """Whether another volume may be cached."""
        if len(self._wholes) < _VOLUMES:
            return True
        oldest = min(self._wholes.values(), key=lambda whole: whole.used)
        if self._taken - oldest.used < _FORGOTTEN:
            return False
        del self._wholes[oldest.gain]
        oldest.drop()
        return True

    @staticmethod
    def _around(sound: pcm.Samples, start: int, count: int) -> pcm.Samples:
        parts, left = [sound[start : start + count]], start + count - len(sound)
        while left > 0:
            parts.append(sound[:left])
            left -= len(sound)
        return np.concatenate(parts)
