"""The caller's phone: the browser's microphone and loudspeaker as the caller of a `sim` stream."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from console.softphone.network import NetworkLeg
from console.softphone.talk import BargeIn, FirstAudio, Talk
from sim.caller import Doing
from sim.sound import Pcm

FRAME_MS = 20.0
PRIMED = 2
"""Microphone frames to wait for before the first is used: browsers deliver them in twos and threes."""
MOST = 8
"""More waiting frames than this are delay for nothing: the browser's clock is faster than ours, or it had hung."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One frame of the call, for observers. `said` and `heard`: at the caller's mouth and ear."""

    at_ms: float
    said: Pcm
    heard: Pcm
    found: list[FirstAudio | BargeIn]


@dataclass(slots=True)
class Handset:
    """Implements `sim.caller.Caller`. `on_beat` is called with each frame of the call."""

    rate_hz: int
    on_beat: Callable[[Beat], None]
    random: Random = field(default_factory=Random)
    muted: bool = False
    talk: Talk = field(default_factory=lambda: Talk(FRAME_MS))
    late_frames: int = 0
    _uplink: NetworkLeg = field(init=False)
    _downlink: NetworkLeg = field(init=False)
    _microphone: deque[Pcm] = field(default_factory=deque)
    _primed: bool = False
    _digits: str = ""
    _hang_up: bool = False

    def __post_init__(self) -> None:
        self._uplink, self._downlink = (NetworkLeg(FRAME_MS, self.random) for _ in range(2))

    @property
    def lost_frames(self) -> int:
        """Frames that the network lost, both ways."""
        return self._uplink.lost + self._downlink.lost

    def speak(self, pcm: bytes) -> None:
        """A frame from the microphone: s16le mono at `rate_hz`, FRAME_MS long. Anything else is ignored."""
        if len(pcm) == round(self.rate_hz * FRAME_MS / 1000) * 2:
            self._microphone.append(np.frombuffer(pcm, "<i2"))

    def press(self, digit: str) -> None:
        """Press a key of the keypad."""
        self._digits += digit

    def hang_up(self) -> None:
        """End the call at the next frame, with `stop`."""
        self._hang_up = True

    def set_network(self, delay_ms: float, loss: float) -> None:
        """For both directions."""
        self._uplink.set(delay_ms, loss)
        self._downlink.set(delay_ms, loss)

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """See `sim.caller.Caller`."""
        silence = np.zeros(size, np.int16)
        said = self._next_said()
        arrived = self._downlink.carry(heard)
        at_ear = silence if arrived is None else arrived
        end_ms = at_ms + FRAME_MS
        found = self.talk.hear(end_ms, silence if said is None else said, at_ear)
        self.on_beat(Beat(end_ms, silence if said is None else said, at_ear, found))
        digits, self._digits = self._digits, ""
        return Doing(self._uplink.carry(said), digits, self._hang_up)

    def _next_said(self) -> Pcm | None:
        waiting = self._microphone
        if not self._primed and len(waiting) < PRIMED:
            return None
        self._primed = bool(waiting)
        if not waiting:
            self.late_frames += 1
            return None
        if len(waiting) > MOST:
            while len(waiting) > PRIMED:
                waiting.popleft()
        frame = waiting.popleft()
        return None if self.muted else frame
