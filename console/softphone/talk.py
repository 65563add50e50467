"""Who speaks, when the agent was first heard, and what happened when the caller cut in: by loudness, at the caller's
ear.
"""

from dataclasses import dataclass, field

from sim.caller import Ear
from sim.sound import Pcm

CALLER_SPEECH_DB = -40.0
"""Microphones differ more than agents do: what a quiet one delivers is speech too, as the fake agent sees it."""
CLICK_FRAMES = 3
"""Speech counts once this many frames in a row are loud (`Ear`), so it began that much earlier."""


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """The agent was heard for the first time, `at_ms` after the call began."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller spoke while the agent did, from `at_ms` on. `kept_ms`: how long the agent was still heard. `clear_ms`:
    when the relay told the line to drop its buffer, also from `at_ms`; None if it never did.
    """

    at_ms: float
    kept_ms: float
    clear_ms: float | None


@dataclass(slots=True)
class Talk:
    """Takes both sides frame by frame; `hear` returns what became known with this frame."""

    frame_ms: float
    caller: Ear = field(default_factory=lambda: Ear(CALLER_SPEECH_DB))
    agent: Ear = field(default_factory=Ear)
    first_heard: bool = False
    """Whether the agent has been heard at all."""
    _caller_spoke: bool = False
    _cut_in_ms: float | None = None
    _clear_ms: float | None = None

    def hear(self, at_ms: float, said: Pcm, heard: Pcm) -> list[FirstAudio | BargeIn]:
        """`at_ms`: the end of both frames, since the call began."""
        self.caller.hear(at_ms, said, self.frame_ms)
        self.agent.hear(at_ms, heard, self.frame_ms)
        found: list[FirstAudio | BargeIn] = []
        if not self.first_heard and self.agent.speaking_since_ms is not None:
            self.first_heard = True
            found.append(FirstAudio(self._onset(self.agent.speaking_since_ms)))
        began = self.caller.speaking_since_ms is not None and not self._caller_spoke
        self._caller_spoke = self.caller.speaking_since_ms is not None
        if began and self.agent.speaking_since_ms is not None and self.caller.speaking_since_ms is not None:
            self._cut_in_ms, self._clear_ms = self._onset(self.caller.speaking_since_ms), None
        if self._cut_in_ms is not None and self.agent.speaking_since_ms is None:
            kept_ms = max(0.0, self.agent.last_loud_ms - self._cut_in_ms)
            found.append(BargeIn(self._cut_in_ms, kept_ms, self._clear_ms))
            self._cut_in_ms = None
        return found

    def cleared(self, at_ms: float) -> None:
        """The relay sent a `clear`."""
        if self._cut_in_ms is not None and self._clear_ms is None:
            self._clear_ms = max(0.0, at_ms - self._cut_in_ms)

    def _onset(self, noticed_ms: float) -> float:
        return max(0.0, noticed_ms - CLICK_FRAMES * self.frame_ms)
