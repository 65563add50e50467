"""How often a line is searched for an echo: quickly at first, so that the agent does not interrupt itself, then seldom.

Pure: it counts.
"""

from typing import Final

SELDOM_SECONDS: Final = 5.0  # in the end, or once an echo is known: an echo may begin or move later
# Up to this many measurements, so many seconds apart …
_LOOKS: Final = ((12, 0.04), (24, 0.12), (30, 1.0))
_CHECKS: Final = ((36, 0.04), (60, 0.12), (66, 1.0))  # … or so many times, if usually nothing was heard to measure


class EchoLooks:
    """The search of one call."""

    def __init__(self) -> None:
        self._looks = 0
        self._checks = 0
        self.pause = _LOOKS[0][1]
        """Seconds until the next time, as long as no echo is known."""

    @property
    def early(self) -> bool:
        """The agent has only begun to speak."""
        return self.pause == _LOOKS[0][1]

    @property
    def seldom(self) -> bool:
        """No echo was found for a long time."""
        return self.pause == SELDOM_SECONDS

    def checked(self, *, measured: bool) -> None:
        """It was time; `measured`: there was something to measure."""
        self._looks += measured
        self._checks += 1
        self.pause = max(_pause(_LOOKS, self._looks), _pause(_CHECKS, self._checks))


def _pause(schedule: tuple[tuple[int, float], ...], done: int) -> float:
    for up_to, seconds in schedule:
        if done < up_to:
            return seconds
    return SELDOM_SECONDS
