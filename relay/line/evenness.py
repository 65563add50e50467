"""Measures how evenly a line's own frames arrive: 50 samples of the network a second, while marks give one (design D2).

Pure: every method gets the time. What counts is when the sound was complete: of frames that arrive together, as some
lines send them, only the last counts.
"""

from typing import Final

_TOGETHER_S: Final = 0.005
_WINDOW_S: Final = 10.0  # frames are compared with the quickest one of the last one or two windows


class Evenness:
    """The frames of one line."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The line stood still: frames from now on can't be compared with earlier ones."""
        self._at = self._stands = float("inf")
        self._quickest = self._next_quickest = float("inf")
        self._since = float("-inf")

    def arrived(self, position_s: float, now: float) -> float:
        """A frame has arrived; with it, `position_s` of sound have arrived in all.

        Returns how much later than the quickest the sound before it was, 0.0 while that is not known.
        """
        together, stood = now - self._at < _TOGETHER_S, self._stands
        self._at, self._stands = now, now - position_s
        if together:  # or the first frame
            return 0.0
        if now - self._since > _WINDOW_S:
            self._quickest, self._next_quickest, self._since = self._next_quickest, float("inf"), now
        if stood < self._next_quickest:
            self._next_quickest = stood
        if stood < self._quickest:
            self._quickest = stood
        return stood - self._quickest
