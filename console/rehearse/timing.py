"""Measurements from the sound of a call: when the agent spoke, how long answers took, how long nobody spoke."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from console.rehearse.person import Spoken
from sim.sound import Pcm

BLOCK_MS: Final = 20
ABOVE_FLOOR_DB: Final = 10.0
QUIETEST_DB: Final = -45.0
"""Speech is this loud at least, however quiet the line is."""
PAUSE_MS: Final = 400
"""A pause inside a sentence is shorter."""
CLICK_MS: Final = 60


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds since the stream's start."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds. `answers`: from each of the caller's last sounds to the agent's next first one, if the agent was
    quiet and the caller said nothing more. `stopped`: from each cut-in to the agent's last sound. `first`: until the
    agent was heard, None if it never was.
    """

    agent: tuple[Span, ...]
    answers: tuple[int, ...]
    stopped: tuple[int, ...]
    first: int | None
    longest_silence: int
    talk_over: int


def speech(track: Pcm, rate_hz: int) -> tuple[Span, ...]:
    """When somebody speaks, in a track that may have an ambience under it."""
    size = rate_hz * BLOCK_MS // 1000
    blocks = track[: track.size // size * size].reshape(-1, size).astype(np.float32)
    if not blocks.size:
        return ()
    level = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-9) - 90.3
    floor = float(np.percentile(level, 20))
    loud = level >= max(min(floor + ABOVE_FLOOR_DB, -25.0), QUIETEST_DB)
    spans: list[list[int]] = []
    for block in np.flatnonzero(loud):
        if spans and (block - spans[-1][1]) * BLOCK_MS <= PAUSE_MS:
            spans[-1][1] = int(block) + 1
        else:
            spans.append([int(block), int(block) + 1])
    second = BLOCK_MS / 1000
    return tuple(Span(a * second, b * second) for a, b in spans if (b - a) * BLOCK_MS > CLICK_MS)


def measure(heard: Pcm, rate_hz: int, said: Sequence[Spoken], duration_s: float) -> Timing:
    """From what the caller heard and when the caller spoke."""
    agent = speech(heard, rate_hz)
    caller = [Span(line.start_s, line.end_s or duration_s) for line in said]
    return Timing(
        agent=agent,
        answers=tuple(_answers(agent, said)),
        stopped=tuple(_stopped(agent, said)),
        first=round(agent[0].start_s * 1000) if agent else None,
        longest_silence=_longest_silence([*agent, *caller], duration_s),
        talk_over=_talk_over(agent, [span for span, line in zip(caller, said, strict=True) if not line.back_channel]),
    )


def _answers(agent: Sequence[Span], said: Sequence[Spoken]) -> list[int]:
    found = []
    lines = [line for line in said if line.end_s and not line.back_channel]
    for line, following in itertools.zip_longest(lines, lines[1:]):
        if any(span.start_s < line.end_s < span.end_s for span in agent):
            continue  # it was still speaking, or had begun already
        begins = next((span.start_s for span in agent if span.start_s >= line.end_s), None)
        if begins is not None and (following is None or begins <= following.start_s):
            found.append(round((begins - line.end_s) * 1000))
    return found


def _stopped(agent: Sequence[Span], said: Sequence[Spoken]) -> list[int]:
    cuts = [line for line in said if line.cut_in and not line.back_channel]
    return [
        round((span.end_s - line.start_s) * 1000)
        for line in cuts
        for span in agent
        if span.start_s <= line.start_s < span.end_s
    ]


def _longest_silence(spans: Sequence[Span], duration_s: float) -> int:
    longest, quiet_from = 0.0, 0.0
    for span in sorted(spans, key=lambda one: one.start_s):
        longest = max(longest, span.start_s - quiet_from)
        quiet_from = max(quiet_from, span.end_s)
    return round(max(longest, duration_s - quiet_from) * 1000)


def _talk_over(agent: Sequence[Span], caller: Sequence[Span]) -> int:
    over = sum(max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a in agent for b in caller)
    return round(over * 1000)


def percentile(values: Sequence[int], share: float) -> int | None:
    """The smallest value that `share` of all values do not exceed; None if there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(np.ceil(share * len(ordered))) - 1))]
