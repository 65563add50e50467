"""Conceals short gaps in the caller's sound, using the sound on both sides.

Repeats the last pitch period, as Appendix I of G.711 does. A gap is known only once the frame after it has arrived, so
that frame is used as well: its own period, repeated backwards, is crossfaded with the other. Received sound is never
changed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

Wave = NDArray[np.float32]

HISTORY_SECONDS: Final = 0.05  # how much of either side is used
_SHORTEST_PERIOD: Final = 1 / 400
_LONGEST_PERIOD: Final = 1 / 66
_MATCH_SECONDS: Final = 0.01  # how much must match itself one period earlier
_JOINT_SECONDS: Final = 0.002
EDGE_SECONDS: Final = 0.01  # on either side of a gap that becomes silence


def conceal(before: pcm.Samples, after: pcm.Samples, count: int, rate_hz: int) -> pcm.Samples:
    """`count` samples to put between `before` and `after`; at most HISTORY_SECONDS of each are used."""
    fade = np.linspace(0, np.pi / 2, count + 2, dtype=np.float32)[1:-1]
    filled = _onward(before, count, rate_hz) * np.cos(fade) ** 2
    filled += _onward(after[::-1], count, rate_hz)[::-1] * np.sin(fade) ** 2
    return pcm.saturate(np.rint(filled))


def fade_out(before: pcm.Samples, count: int, rate_hz: int) -> pcm.Samples:
    """`count` samples after `before`: its sound fades out over 10 ms, then silence."""
    edge = min(count, round(EDGE_SECONDS * rate_hz))
    silence = np.zeros(count, dtype=np.int16)
    silence[:edge] = pcm.saturate(np.rint(_onward(before, edge, rate_hz) * np.linspace(1, 0, edge, dtype=np.float32)))
    return silence


def fade_in(after: pcm.Samples, count: int, rate_hz: int) -> pcm.Samples:
    """`count` samples before `after`: silence, then its sound fades in over 10 ms."""
    return fade_out(after[::-1], count, rate_hz)[::-1]


def _onward(sound: pcm.Samples, count: int, rate_hz: int) -> Wave:
    """A continuation of `sound`: its last period repeated, from its current phase."""
    recent = sound[-round(HISTORY_SECONDS * rate_hz) :].astype(np.float32)
    period = _period(recent, rate_hz)
    if not period:
        return np.zeros(count, dtype=np.float32)
    onward = np.resize(recent[-period:], count)
    if len(recent) > period:  # periods differ slightly: spread the step out
        joint = min(count, round(_JOINT_SECONDS * rate_hz))
        onward[:joint] += (recent[-1] - recent[-1 - period]) * np.linspace(1, 0, joint, dtype=np.float32)
    return np.clip(onward, recent.min(), recent.max())


def _period(sound: Wave, rate_hz: int) -> int:
    """The lag at which the end of `sound` best matches what came before it; 0 if there is too little sound."""
    window = round(_MATCH_SECONDS * rate_hz)
    shortest = round(_SHORTEST_PERIOD * rate_hz)
    longest = min(round(_LONGEST_PERIOD * rate_hz), len(sound) - window)
    if longest < shortest:
        return min(shortest, len(sound))
    end = sound[-window:]
    likeness = np.correlate(sound[-window - longest : -shortest], end, "valid")[::-1]  # from `shortest` to `longest`
    energy = np.convolve(sound[-window - longest : -shortest] ** 2, np.ones(window, dtype=np.float32), "valid")[::-1]
    return shortest + int(np.argmax(likeness / np.sqrt(energy + 1)))
