"""A rehearsed caller on the line: speaks, listens, reacts, in frames of sound."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from console.rehearse.suite import Line, Step
from console.rehearse.trigger import Kind, Trigger
from console.rehearse.voices import SPEECH_DB
from sim.caller import SILENT, Doing, Ear
from sim.sound import Pcm, level_db

Words = Callable[[], str]
"""Everything the agent has said so far in this call, as text."""
_HEARD_ENOUGH_MS: Final = 200


@dataclass(slots=True)
class Spoken:
    """A line of the caller's. Seconds since the stream's start; `cut_in`: begun while the agent was speaking."""

    text: str
    start_s: float
    end_s: float = 0.0
    cut_in: bool = False
    back_channel: bool = False


class Room:
    """What the line adds to the caller's voice: noise, and what the line itself played, coming back."""

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
        """The `size` samples that go into the line; `heard` came out of it in the same time."""
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


@dataclass(slots=True)
class _Move:
    """A step with its sound."""

    step: Step
    trigger: Trigger
    pcm: Pcm | None


@dataclass(slots=True)
class RehearsedCaller:
    """See sim.caller.Caller. `sounds` has the speech of every step's `say`. Use one a call."""

    steps: Sequence[Step]
    reactions: Sequence[Step]
    sounds: Mapping[str, Pcm]
    rate_hz: int
    words: Words
    room: Room
    ear: Ear = field(default_factory=Ear)
    said: list[Spoken] = field(default_factory=list)
    _left: deque[_Move] = field(init=False)
    _waiting: list[_Move] = field(init=False)
    _speaking: Pcm | None = None
    _quiet_since_ms: float = 0.0
    _done_ms: float = 0.0
    _heard_at_done_ms: float = 0.0
    _words_at_done: int = 0

    def __post_init__(self) -> None:
        self._left = deque(map(self._move, self.steps))
        self._waiting = list(map(self._move, self.reactions))

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """One frame of the call."""
        length_ms = size / self.rate_hz * 1000
        self.ear.hear(at_ms, heard, length_ms)
        doing = self._act(at_ms, size)
        if doing.pcm is not None or self.agent_is_speaking:
            self._quiet_since_ms = at_ms + length_ms
        if self.room.quiet:
            return doing
        return Doing(self.room.mix(doing.pcm, heard, size), doing.digits, doing.hang_up, doing.begins)

    @property
    def agent_is_speaking(self) -> bool:
        """As far as the caller can hear."""
        return self.ear.speaking_since_ms is not None

    def _act(self, at_ms: float, size: int) -> Doing:
        if self._speaking is not None:
            return Doing(self._next_frame(at_ms, size))
        for move in self._waiting:
            if self._is_time(move.trigger, at_ms):
                self._waiting.remove(move)
                return self._do(move, at_ms, size)
        if self._left and self._is_time(self._left[0].trigger, at_ms):
            return self._do(self._left.popleft(), at_ms, size)
        return SILENT

    def _do(self, move: _Move, at_ms: float, size: int) -> Doing:
        step = move.step
        if move.pcm is None:
            self._finish(at_ms)
            return Doing(None, step.press, step.hang_up)
        self._speaking = move.pcm
        self.said.append(Spoken(step.say, at_ms / 1000, cut_in=self.agent_is_speaking, back_channel=step.back_channel))
        return Doing(self._next_frame(at_ms, size), step.press, step.hang_up, step.say)

    def _move(self, step: Step) -> _Move:
        return _Move(step, step.trigger, self.sounds[step.say] if step.say else None)

    def _is_time(self, trigger: Trigger, at_ms: float) -> bool:
        match trigger.kind:
            case Kind.THEN:
                return at_ms >= self._done_ms + trigger.ms
            case Kind.AT:
                return at_ms >= trigger.ms
            case Kind.AGENT_SPEAKING:
                since = self.ear.speaking_since_ms
                return since is not None and at_ms - since >= trigger.ms
            case Kind.AGENT_FINISHED:
                has_spoken = self.ear.heard_speech_ms - self._heard_at_done_ms >= _HEARD_ENOUGH_MS
                return has_spoken and self.ear.quiet_ms(at_ms) >= trigger.ms
            case Kind.SILENT:
                return at_ms - self._quiet_since_ms >= trigger.ms
            case Kind.AGENT_SAYS:
                said = self.words()[self._words_at_done :]
                return trigger.pattern is not None and trigger.pattern.search(said) is not None

    def _next_frame(self, at_ms: float, size: int) -> Pcm | None:
        if self._speaking is None:
            return None
        frame, self._speaking = self._speaking[:size], self._speaking[size:]
        if not self._speaking.size:
            self._speaking = None
            self.said[-1].end_s = at_ms / 1000 + frame.size / self.rate_hz
            self._finish(at_ms)
        return frame if frame.size == size else np.pad(frame, (0, size - frame.size))

    def _finish(self, at_ms: float) -> None:
        self._done_ms = at_ms
        self._heard_at_done_ms = self.ear.heard_speech_ms
        self._words_at_done = len(self.words())
