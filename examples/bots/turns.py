"""When somebody begins to speak and when they have finished, by loudness alone."""

from collections import deque
from dataclasses import dataclass

import numpy as np

FRAME_MS = 20
BEFORE_FRAMES = 15  # kept from before the first loud frame, or words would lose their first consonant


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Somebody has been speaking long enough for it not to be a click."""


@dataclass(frozen=True, slots=True)
class SpeechOver:
    """`pcm`: all of what was said, with a little quiet around it."""

    pcm: bytes


class TurnDetector:
    """Fed with frames of 20 ms at 16 kHz. A service that detects turns itself does it better; this one is free."""

    def __init__(self, *, speech_db: float = -40.0, begin_ms: int = 200, quiet_ms: int = 700) -> None:
        self._speech_db = speech_db
        self._begin_frames = begin_ms // FRAME_MS
        self._quiet_frames = quiet_ms // FRAME_MS
        self._before: deque[bytes] = deque(maxlen=BEFORE_FRAMES)
        self._said: list[bytes] = []
        self._loud = 0
        self._quiet = 0

    def hear(self, pcm: bytes) -> SpeechBegan | SpeechOver | None:
        """Take in the next frame."""
        loud = level_db(pcm) >= self._speech_db
        if not self._said:
            self._before.append(pcm)
            if not loud:
                return None
            self._said, self._loud, self._quiet = list(self._before), 0, 0
        else:
            self._said.append(pcm)
        self._loud += loud
        self._quiet = 0 if loud else self._quiet + 1
        if loud and self._loud == self._begin_frames:
            return SpeechBegan()
        if self._quiet < self._quiet_frames:
            return None
        said, self._said = b"".join(self._said), []
        self._before.clear()
        return SpeechOver(said) if self._loud >= self._begin_frames else None


def level_db(pcm: bytes) -> float:
    """Loudness relative to full scale."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float32)
    return 10 * float(np.log10(np.mean(sound**2) + 1e-9)) - 90.3
