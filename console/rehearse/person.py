"""What all rehearsed callers share: hearing, speech, and the room and line that the voice passes through."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from console.rehearse.suite import Line
from console.rehearse.voices import SPEECH_DB
from sim.caller import Doing, Ear, Mouth
from sim.sound import Pcm, level_db

Words = Callable[[], str]
"""Everything the agent has said so far in this call, as text."""
_HEARD_ENOUGH_MS: Final = 200


@dataclass(slots=True)
class Spoken:
    """One utterance of the caller.

    Seconds since the stream's start; `cut_in`: it began while the agent was speaking.
    """

    text: str
    start_s: float
    end_s: float = 0.0
    cut_in: bool = False
    back_channel: bool = False


class Room:
    """What the line adds to the caller's voice: noise, and an echo of what it played."""

    def __init__(self, line: Line, noise: Pcm | None) -> None:
        self._noise = None
        if noise is not None and noise.size:
            gain = 10 ** ((SPEECH_DB - line.snr_db - level_db(noise)) / 20)
            self._noise = noise.astype(np.float32) * gain
        self._at = 0
        self._echo_gain = 10 ** (line.echo_db / 20) if line.echo_ms else 0.0
        self._late = np.zeros(round(line.echo_ms * line.rate_hz / 1000), np.float32)

    @property
    def quiet(self) -> bool:
        """Nothing is added."""
        return self._noise is None and not self._echo_gain

    def mix(self, voice: Pcm | None, heard: Pcm, size: int) -> Pcm:
        """`size` samples for the line; `heard` came out of it in the same time."""
        mixed = np.zeros(size, np.float32) if voice is None else voice.astype(np.float32)
        if self._noise is not None:
            mixed += np.take(self._noise, np.arange(self._at, self._at + size), mode="wrap")
            self._at = (self._at + size) % self._noise.size
        if self._echo_gain:
            self._late = np.concatenate([self._late, heard.astype(np.float32)])
            back, self._late = self._late[:size], self._late[size:]
            mixed[: back.size] += back * self._echo_gain
        added: Pcm = np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)
        return added


class Person(ABC):
    """See sim.caller.Caller. Subclasses decide what it does next. One instance per call."""

    def __init__(self, rate_hz: int, words: Words, room: Room) -> None:
        self.ear = Ear()
        self.said: list[Spoken] = []
        self._rate_hz = rate_hz
        self._words = words
        self._room = room
        self._mouth = Mouth()
        self._quiet_since_ms = 0.0
        self._done_ms = 0.0
        self._heard_at_done_ms = 0.0
        self._words_at_done = 0

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """One frame of the call."""
        length_ms = size / self._rate_hz * 1000
        self.ear.hear(at_ms, heard, length_ms)
        doing = Doing(self._next_frame(at_ms, size)) if self._mouth.left else self._act(at_ms, size)
        if doing.pcm is not None or self.agent_is_speaking:
            self._quiet_since_ms = at_ms + length_ms
        if self._room.quiet:
            return doing
        return Doing(self._room.mix(doing.pcm, heard, size), doing.digits, doing.hang_up, doing.begins)

    @property
    def agent_is_speaking(self) -> bool:
        """As far as the caller can hear."""
        return self.ear.speaking_since_ms is not None

    @abstractmethod
    def _act(self, at_ms: float, size: int) -> Doing:
        """What to do in a frame in which nothing is being said."""

    def _say(self, line: Spoken, pcm: Pcm, at_ms: float, size: int) -> Pcm | None:
        """Begin an utterance; returns its first frame."""
        self.said.append(line)
        self._mouth.begin(pcm)
        return self._next_frame(at_ms, size)

    def _next_frame(self, at_ms: float, size: int) -> Pcm | None:
        left = self._mouth.left
        frame = self._mouth.frame(size)
        if not self._mouth.left:
            self.said[-1].end_s = at_ms / 1000 + left / self._rate_hz
            self._finish(at_ms)
        return frame

    def _finish(self, at_ms: float) -> None:
        """The step is done: from here on the caller waits for the agent's answer."""
        self._done_ms = at_ms
        self._heard_at_done_ms = self.ear.heard_speech_ms
        self._words_at_done = len(self._words())

    def _agent_was_quiet_ms(self, at_ms: float) -> float | None:
        """How long the agent has been quiet after its answer; None while it has not answered."""
        has_spoken = self.ear.heard_speech_ms - self._heard_at_done_ms >= _HEARD_ENOUGH_MS
        return self.ear.quiet_ms(at_ms) if has_spoken else None
