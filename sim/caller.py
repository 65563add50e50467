"""The person on the phone: follows a script, hears the agent, speaks in frames."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec
import numpy as np

from sim.sound import Pcm, level_db
from sim.speech import spoken

SPEECH_DB = -31.0
"""Louder than this is speech to the caller: lines are at -20 dBFS, the office stays below -32 at its usual volume."""


class When(StrEnum):
    """The event that a step waits for; `ms` qualifies it."""

    THEN = "then"  # ms after the step before is done (its line spoken)
    AT = "at"  # ms after the call's start
    AGENT_SPEAKING = "agent_speaking"  # the agent has been speaking for ms
    AGENT_FINISHED = "agent_finished"  # the agent has spoken since the step before, and been quiet for ms


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing the caller does: says a line, presses keys, hangs up."""

    when: When = When.THEN
    ms: int = 0
    say: str = ""
    press: str = ""
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Doing:
    """What the caller does during one frame. `pcm` None is silence."""

    pcm: Pcm | None = None
    digits: str = ""
    hang_up: bool = False
    begins: str = ""


SILENT = Doing()


class Caller(Protocol):
    """Anybody on the phone. Called once per frame, with the sound heard since the last call."""

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """What to do in the `size` samples from `at_ms` (since the stream's start) on."""
        ...


@dataclass(slots=True)
class Ear:
    """Tells speech from quiet by loudness. Short pauses inside a sentence don't end it: the caller waits for `ms`."""

    speech_db: float = SPEECH_DB
    speaking_since_ms: float | None = None
    last_loud_ms: float = 0.0
    heard_speech_ms: float = 0.0
    _loud_for_ms: float = 0.0

    def hear(self, at_ms: float, pcm: Pcm, length_ms: float) -> None:
        """Up to `at_ms` the caller heard `pcm`, `length_ms` long."""
        if level_db(pcm) < self.speech_db:
            self._loud_for_ms = 0.0
            if at_ms - self.last_loud_ms > 400:
                self.speaking_since_ms = None
            return
        self._loud_for_ms += length_ms
        if self._loud_for_ms < 3 * length_ms:  # a click is not speech
            return
        self.last_loud_ms = at_ms
        self.heard_speech_ms += length_ms
        if self.speaking_since_ms is None:
            self.speaking_since_ms = at_ms

    def quiet_ms(self, at_ms: float) -> float:
        """How long nobody has spoken."""
        return at_ms - self.last_loud_ms


@dataclass(slots=True)
class Mouth:
    """Says a line, a frame at a time. `left`: samples that are not said yet."""

    _line: Pcm | None = None

    @property
    def left(self) -> int:
        """0 when nothing is being said."""
        return 0 if self._line is None else self._line.size

    def begin(self, line: Pcm) -> None:
        """Say this from the next frame on."""
        self._line = line

    def frame(self, size: int) -> Pcm | None:
        """The next `size` samples, silence behind the line's end; None when nothing is being said."""
        if self._line is None or not self._line.size:
            return None
        frame, self._line = self._line[:size], self._line[size:]
        return frame if frame.size == size else np.pad(frame, (0, size - frame.size))


@dataclass(slots=True)
class ScriptedCaller:
    """Takes the steps one after another. Use one per call."""

    steps: Sequence[Step] = ()
    rate_hz: int = 8000
    ear: Ear = field(default_factory=Ear)
    _left: deque[Step] = field(init=False)
    _mouth: Mouth = field(default_factory=Mouth)
    _done_ms: float = 0.0
    _speech_at_done_ms: float = 0.0

    def __post_init__(self) -> None:
        self._left = deque(self.steps)

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """See Caller."""
        self.ear.hear(at_ms, heard, size / self.rate_hz * 1000)
        if not self._mouth.left and self._left and self._is_time(self._left[0], at_ms):
            step = self._left.popleft()
            if step.say:
                self._mouth.begin(spoken(step.say, self.rate_hz))
            else:
                self._finish_step(at_ms)
            return Doing(self._next_frame(at_ms, size), step.press, step.hang_up, step.say)
        return Doing(self._next_frame(at_ms, size)) if self._mouth.left else SILENT

    def _is_time(self, step: Step, at_ms: float) -> bool:
        match step.when:
            case When.THEN:
                return at_ms >= self._done_ms + step.ms
            case When.AT:
                return at_ms >= step.ms
            case When.AGENT_SPEAKING:
                since = self.ear.speaking_since_ms
                return since is not None and at_ms - since >= step.ms
            case When.AGENT_FINISHED:
                has_spoken = self.ear.heard_speech_ms - self._speech_at_done_ms >= 200
                return has_spoken and self.ear.quiet_ms(at_ms) >= step.ms

    def _next_frame(self, at_ms: float, size: int) -> Pcm | None:
        frame = self._mouth.frame(size)
        if not self._mouth.left:
            self._finish_step(at_ms)
        return frame

    def _finish_step(self, at_ms: float) -> None:
        self._done_ms = at_ms
        self._speech_at_done_ms = self.ear.heard_speech_ms
