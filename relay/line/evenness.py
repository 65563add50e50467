"""How evenly a line's own frames come in: 50 looks a second at a network of which marks see one (design D2).

Pure: it is told the time. What counts is when the sound was complete: of frames that come together, as some lines send
them, only the last.
"""

from typing import Final

_TOGETHER_S: Final = 0.005
_WINDOW_S: Final = 10.0  # the quickest of the last one or two of these is what the others are compared with


class Evenness:
    """Of one line."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The line stood still: what comes now has nothing to do with what came before."""
        self._at = self._stands = float("inf")
        self._quickest = self._next_quickest = float("inf")
        self._since = float("-inf")

    def arrived(self, position_s: float, now: float) -> float:
        """A frame has come, and with it `position_s` of sound in all.

        Returns by how much what came before it was later than the quickest, 0.0 while that is not known.
        """
        together, stood = now - self._at < _TOGETHER_S, self._stands
        self._at, self._stands = now, now - position_s
        if together or stood == float("inf"):
            return 0.0
        if now - self._since > _WINDOW_S:
            self._quickest, self._next_quickest, self._since = self._next_quickest, float("inf"), now
        if stood < self._next_quickest:
            self._next_quickest = stood
        if stood < self._quickest:
            self._quickest = stood
        return stood - self._quickest
