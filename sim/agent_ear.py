"""How the fake agent hears: it detects speech by energy, and recognises lines by comparing waveforms.

There is no speech recognition, but what the agent reports is a proof: a line whose pitch or speed was changed on its
way, or that lost its middle, is not recognised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.sound import AudioFormat, Pcm, level_db, resampled
from sim.speech import LINE_HZ, spoken

MADE_OUT = 0.5
"""Least correlation that counts; a clean line reaches 0.95 and more, two different lines stay below 0.2."""
FRAME_MS = 20

Spectrum = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller has been speaking for the script's `speech_after_ms`."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """`pcm`: what was said, at the input format's rate, with a little quiet around."""

    pcm: Pcm


class AgentEar:
    """Gets the caller's audio as it arrives; reports when speech begins and ends."""

    def __init__(self, audio_format: AudioFormat, speech_db: float, speech_after_ms: int, quiet_after_ms: int) -> None:
        self.received = bytearray()
        self._format = audio_format
        self._speech_db = speech_db
        self._speech_after = speech_after_ms // FRAME_MS
        self._quiet_after = quiet_after_ms // FRAME_MS
        self._frame_bytes = audio_format.rate_hz * FRAME_MS // 1000 * audio_format.sample_bytes
        self._next = 0  # first byte that was not processed
        self._first_loud: int | None = None
        self._last_loud = 0
        self._loud_frames = 0
        self._began = False

    @property
    def seconds(self) -> float:
        """How much sound has arrived."""
        return len(self.received) / (self._format.rate_hz * self._format.sample_bytes)

    def hear(self, data: bytes) -> list[SpeechBegan | SpeechEnded]:
        """Process the next bytes."""
        self.received += data
        happened: list[SpeechBegan | SpeechEnded] = []
        while len(self.received) - self._next >= self._frame_bytes:
            frame = bytes(self.received[self._next : self._next + self._frame_bytes])
            self._next += self._frame_bytes
            event = self._frame(level_db(self._format.decoded(frame)) >= self._speech_db)
            if event:
                happened.append(event)
        return happened

    def _frame(self, loud: bool) -> SpeechBegan | SpeechEnded | None:
        if loud:
            if self._first_loud is None:
                self._first_loud = self._next - self._frame_bytes
            self._last_loud = self._next
            self._loud_frames += 1
            if not self._began and self._loud_frames >= self._speech_after:
                self._began = True
                return SpeechBegan()
        elif self._first_loud is not None and self._next - self._last_loud >= self._quiet_after * self._frame_bytes:
            margin = 5 * self._frame_bytes
            said = bytes(self.received[max(0, self._first_loud - margin) : self._last_loud + margin])
            began, self._began, self._first_loud, self._loud_frames = self._began, False, None, 0
            return SpeechEnded(self._format.decoded(said)) if began else None
        return None


def made_out(pcm: Pcm, rate_hz: int, candidates: Sequence[str]) -> tuple[str, float]:
    """The name of the candidate line that matches `pcm`, and how well (0 to 1); empty if none does.

    Takes milliseconds in the process that plays the line: a longer delay would be heard as a hole of the relay's.
    """
    said = resampled(pcm, rate_hz, LINE_HZ).astype(np.float32)
    power = float(said @ said)
    if not power or not candidates:
        return "", 0.0
    size = 1 << (said.size + max(spoken(name).size for name in candidates) - 1).bit_length()
    spectrum = np.fft.rfft(said, size)
    scores = {name: _likeness(spectrum, power, size, name) for name in candidates}
    best = max(scores, key=scores.__getitem__)
    score = scores[best]
    return (best if score >= MADE_OUT else "", score)


def _likeness(spectrum: Spectrum, power: float, size: int, name: str) -> float:
    """Highest normalised cross-correlation over all shifts."""
    expected, expected_power = _expected(name, size)
    return float(np.fft.irfft(spectrum * expected, size).max()) / float(np.sqrt(power * expected_power))


@lru_cache(maxsize=64)
def _expected(name: str, size: int) -> tuple[Spectrum, float]:
    """A line prepared for comparison: its conjugate spectrum of `size` points, and its power."""
    line = spoken(name).astype(np.float32)
    return np.conj(np.fft.rfft(line, size)), float(line @ line)
