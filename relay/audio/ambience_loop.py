"""A background sound at one line rate, without an end: shared by all calls."""

from collections.abc import Callable
from typing import Final

import numpy as np

from relay.audio import pcm
from relay.audio.edges import glide

_SEAM_SECONDS: Final = 0.05


class Loop:
    """An ambience at one line rate, for continuous playback. `raw`: all of it, as loud as in its file (pcm)."""

    def __init__(self, sound: pcm.Samples, rate_hz: int) -> None:
        """`sound`: at least two crossfades long. Its end is crossfaded with its start, so the seam is inaudible."""
        seam = int(_SEAM_SECONDS * rate_hz)
        fade_in = np.sin(np.linspace(0, np.pi / 2, seam, dtype=np.float32))
        head = sound[:seam] * fade_in + sound[-seam:] * fade_in[::-1]  # equal power: the parts are not correlated
        whole = np.concatenate([pcm.saturate(head), sound[seam:-seam]])
        self.raw = whole.tobytes()
        self._length = len(whole)
        self.rate_hz = rate_hz
        self.rms = float(np.sqrt(np.mean(np.square(whole, dtype=np.float64))))

    def __len__(self) -> int:
        return self._length

    def take(self, start: int, count: int, gain: float) -> pcm.Samples:
        """`count` samples from `start` on, in a loop, at `gain`."""
        return pcm.samples(scaled(self.raw, start, count, gain))


def around(loop: bytes, place: int, count: int) -> pcm.Samples:
    """`count` samples from `place` on, in a loop (pcm)."""
    sound = pcm.samples(loop)
    parts, left = [sound[place : place + count]], place + count - len(sound)
    while left > 0:
        parts.append(sound[:left])
        left -= len(sound)
    return np.concatenate(parts)


def _scaled(loop: bytes, place: int, count: int, gain: float) -> bytes:
    return pcm.scale(around(loop, place, count), gain).tobytes()


def _glided(
    loop: bytes, place: int, count: int, factor: float, start: float, target: float, step: float
) -> tuple[bytes, float]:
    gains = glide(start, target, step, count)
    end: float = gains.item(-1)
    gains *= np.float32(factor)  # they are of this part alone
    return pcm.scale(around(loop, place, count), gains).tobytes(), end


_Scaled = Callable[[bytes, int, int, float], bytes]
_Glided = Callable[[bytes, int, int, float, float, float, float], tuple[bytes, float]]


_scale_part: Final[_Scaled] = _scaled if pcm.WAVES is None else pcm.WAVES.scaled
_glide_part: Final[_Glided] = _glided if pcm.WAVES is None else pcm.WAVES.glided


def scaled(loop: bytes, place: int, count: int, gain: float) -> bytes:
    """`count` samples of a `loop` (pcm) from `place` on, times `gain` (0.0-1.0)."""
    return _scale_part(loop, place, count, gain)


def glided(
    loop: bytes, place: int, count: int, factor: float, start: float, target: float, step: float
) -> tuple[bytes, float]:
    """The same, times `factor` and gains that glide from `start` to `target`, see `glide`; and the last of these."""
    return _glide_part(loop, place, count, factor, start, target, step)
