"""Fades: a step in the sound is heard as a click."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

Gains = NDArray[np.float32]

CUT_SECONDS: Final = 0.005  # long enough not to click, too short to be heard as a fade
_SURELY: Final = 1.000001  # more than a number of 32 bits is rounded by
_QUIET: Final = 100  # -50 dBFS: an edge that is no louder makes no click, and is left as it is


def fade_out(sound: bytes, count: int) -> bytes:
    """`sound` with its last `count` samples faded to silence; all of them if it is shorter."""
    count = min(count, len(sound) // pcm.SAMPLE_BYTES)
    at = len(sound) - count * pcm.SAMPLE_BYTES
    edge = sound[at:]
    if pcm.peak(edge) <= _QUIET:
        return sound
    return sound[:at] + pcm.scale(pcm.samples(edge), _rising(count)[::-1]).tobytes()


def fade_in(sound: bytes, count: int) -> bytes:
    """`sound` with its first `count` samples faded in from silence; all of them if it is shorter."""
    count = min(count, len(sound) // pcm.SAMPLE_BYTES)
    end = count * pcm.SAMPLE_BYTES
    edge = sound[:end]
    if pcm.peak(edge) <= _QUIET:
        return sound
    return pcm.scale(pcm.samples(edge), _rising(count)).tobytes() + sound[end:]


@lru_cache(maxsize=64)
def _rising(count: int) -> NDArray[np.float32]:
    """A raised cosine from silence to full, both ends excluded."""
    ramp = (1 - np.cos(np.pi * np.arange(1, count + 1, dtype=np.float32) / (count + 1))) / 2
    ramp.setflags(write=False)
    return ramp.astype(np.float32)


def glide(start: float, target: float, step: float, count: int) -> Gains:
    """`count` gains on the way from `start` to `target`, `step` per sample, constant once it is reached."""
    way, last = _way(count, step)
    left = abs(target - start)
    if left > last * _SURELY:  # most: numbers of numpy's are slow
        gains: Gains = start + way if target > start else start - way
        return gains
    whole = np.float32(left)
    reached = last >= whole
    if reached:
        way = np.minimum(way, whole)
    gains = start + way if target > start else start - way
    if reached:
        gains[way == whole] = target
    return gains


@lru_cache(maxsize=64)
def _way(count: int, step: float) -> tuple[NDArray[np.float32], float]:
    """1 to `count` times `step`, and the last of them."""
    way = np.arange(1, count + 1, dtype=np.float32) * np.float32(step)
    way.setflags(write=False)
    return way, float(way[-1])
