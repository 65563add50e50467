"""What all lines of a relay need in reserve because its event loop is late at times: the same for each (design D2).

Pure: every method gets the time.
"""

from typing import Final

_WINDOW_S: Final = 5.0
_NEVER: Final = float("inf")


class LoopReserve:
    """Enough for a frame as late as the latest one of the last five to ten seconds.

    It rises at once, because a moment in which the core is full seldom comes alone. It does not fall slowly: with a
    millisecond a second, one such moment made all callers wait longer for minutes.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._before = 0.0  # of the window before
        self._now = 0.0  # of this one
        self._until = _NEVER  # nothing is to be forgotten

    def late(self, late_s: float, now: float) -> None:
        """A frame was so late that this is wanted in reserve."""
        if late_s > self._now:
            self._now = late_s
            self.seconds = max(late_s, self._before)
        if self._until == _NEVER:
            self._until = now + _WINDOW_S

    def look(self, now: float) -> None:
        """Forget what is over. To be called often."""
        while now >= self._until:
            self.seconds = self._before = self._now
            self._now = 0.0
            self._until = self._until + _WINDOW_S if self.seconds else _NEVER
