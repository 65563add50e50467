"""The caller's mobile network, one direction: delays sound, and loses some of it."""

from collections import deque
from random import Random

from sim.sound import Pcm


class NetworkLeg:
    """Takes one frame at a time and returns one. Frames are lost one by one, like packets, and become silence."""

    def __init__(self, frame_ms: float, random: Random) -> None:
        self.lost = 0
        self._frame_ms = frame_ms
        self._random = random
        self._delay_frames = 0
        self._loss = 0.0
        self._under_way: deque[Pcm | None] = deque()

    def set(self, delay_ms: float, loss: float) -> None:
        """`loss`: 0.0 to 1.0. A shorter delay drops frames that have been delayed for longer; a longer one begins with
        silence.
        """
        self._delay_frames = round(delay_ms / self._frame_ms)
        self._loss = loss

    def carry(self, frame: Pcm | None) -> Pcm | None:
        """The frame that arrives as `frame` is sent; None is silence."""
        if frame is not None and self._loss and self._random.random() < self._loss:
            frame = None
            self.lost += 1
        self._under_way.append(frame)
        while len(self._under_way) > self._delay_frames + 1:
            self._under_way.popleft()
        if len(self._under_way) <= self._delay_frames:
            return None
        return self._under_way.popleft()
