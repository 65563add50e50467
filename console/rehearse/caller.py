"""A rehearsed caller with scripted steps: speaks, presses keys, reacts, hangs up."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.rehearse.person import Person, Room, Spoken, Words
from console.rehearse.suite import Step
from console.rehearse.trigger import Kind, Trigger
from sim.caller import SILENT, Doing
from sim.sound import Pcm


@dataclass(slots=True)
class _Move:
    """A step with its sound."""

    step: Step
    trigger: Trigger
    pcm: Pcm | None


class RehearsedCaller(Person):
    """Takes `steps` one after another, and each of the `reactions` when it is triggered. `sounds`: speech for every
    `say`.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        reactions: Sequence[Step],
        sounds: Mapping[str, Pcm],
        rate_hz: int,
        words: Words,
        room: Room,
    ) -> None:
        super().__init__(rate_hz, words, room)
        self._left = deque(_move(step, sounds) for step in steps)
        self._waiting = [_move(step, sounds) for step in reactions]

    def _act(self, at_ms: float, size: int) -> Doing:
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
        line = Spoken(step.say, at_ms / 1000, cut_in=self.agent_is_speaking, back_channel=step.back_channel)
        return Doing(self._say(line, move.pcm, at_ms, size), step.press, step.hang_up, step.say)

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
                quiet_ms = self._agent_was_quiet_ms(at_ms)
                return quiet_ms is not None and quiet_ms >= trigger.ms
            case Kind.SILENT:
                return at_ms - self._quiet_since_ms >= trigger.ms
            case Kind.AGENT_SAYS:
                said = self._words()[self._words_at_done :]
                return trigger.pattern is not None and trigger.pattern.search(said) is not None


def _move(step: Step, sounds: Mapping[str, Pcm]) -> _Move:
    return _Move(step, step.trigger, sounds[step.say] if step.say else None)
