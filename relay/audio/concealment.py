"""Short holes in the caller's sound, filled from what lies on both sides of them.

Repeats the last pitch period, as Appendix I of G.711 does. A hole is only known once the frame behind it has come, so
that frame helps as well: its own period, repeated backwards, is faded over the other. Nothing that came is touched.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

Wave = NDArray[np.float32]

HISTORY_SECONDS: Final = 0.05  # what is looked at on either side
_SHORTEST_PERIOD: Final = 1 / 400
_LONGEST_PERIOD: Final = 1 / 66
_MATCH_SECONDS: Final = 0.01  # how much must be like itself one period earlier
_JOINT_SECONDS: Final = 0.002
EDGE_SECONDS: Final = 0.01  # on either side of a hole that becomes silence


def conceal(before: pcm.Samples, after: pcm.Samples, count: int, rate_hz: int) -> pcm.Samples:
    """`count` samples to stand between `before` and `after`; at most HISTORY_SECONDS of each are looked at."""
    fade = np.linspace(0, np.pi / 2, count + 2, dtype=np.float32)[1:-1]
    filled = _onward(before, count, rate_hz) * np.cos(fade) ** 2
    filled += _onward(after[::-1], count, rate_hz)[::-1] * np.sin(fade) ** 2
    return pcm.saturate(np.rint(filled))


def fade_out(before: pcm.Samples, count: int, rate_hz: int) -> pcm.Samples:
    """`count` samples that follow `before`: its sound fades for 10 ms, then there is silence."""
    edge = min(count, round(EDGE_SECONDS * rate_hz))
    silence = np.zeros(count, dtype=np.int16)
    silence[:edge] = pcm.saturate(np.rint(_onward(before, edge, rate_hz) * np.linspace(1, 0, edge, dtype=np.float32)))
    return silence


def fade_in(after: pcm.Samples, count: int, rate_hz: int) -> pcm.Samples:
    """`count` samples that lead to `after`: silence, then its sound rises for 10 ms."""
    return fade_out(after[::-1], count, rate_hz)[::-1]


def _onward(sound: pcm.Samples, count: int, rate_hz: int) -> Wave:
    """How `sound` may go on: its last period again and again, starting where it is now."""
    recent = sound[-round(HISTORY_SECONDS * rate_hz) :].astype(np.float32)
    period = _period(recent, rate_hz)
    if not period:
        return np.zeros(count, dtype=np.float32)
    onward = np.resize(recent[-period:], count)
    if len(recent) > period:  # no two periods are quite alike: what would be a step is spread out
        joint = min(count, round(_JOINT_SECONDS * rate_hz))
        onward[:joint] += (recent[-1] - recent[-1 - period]) * np.linspace(1, 0, joint, dtype=np.float32)
    return np.clip(onward, recent.min(), recent.max())


def _period(sound: Wave, rate_hz: int) -> int:
    """The distance at which the end of `sound` is most like what came before it; 0 when there is too little of it."""
    window = round(_MATCH_SECONDS * rate_hz)
    shortest = round(_SHORTEST_PERIOD * rate_hz)
    longest = min(round(_LONGEST_PERIOD * rate_hz), len(sound) - window)
    if longest < shortest:
        return min(shortest, len(sound))
    end = sound[-window:]
    likeness = np.correlate(sound[-window - longest : -shortest], end, "valid")[::-1]  # from `shortest` to `longest`
    energy = np.convolve(sound[-window - longest : -shortest] ** 2, np.ones(window, dtype=np.float32), "valid")[::-1]
    return shortest + int(np.argmax(likeness / np.sqrt(energy + 1)))
