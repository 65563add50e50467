"""How often a line is searched for an echo: quickly at first, so that the agent does not interrupt itself, then seldom.

Pure: it counts.
"""

from typing import Final

SELDOM_SECONDS: Final = 5.0  # in the end, or once an echo is known: an echo may begin or move later
_QUICK_SECONDS: Final = 0.04
_SOON_SECONDS: Final = 0.12
# Up to this many measurements, so many seconds apart; or so many times, if usually nothing was heard to measure.
_LOOKS: Final = ((12, _QUICK_SECONDS), (24, _SOON_SECONDS), (30, 1.0))
_CHECKS: Final = (
    (36, _QUICK_SECONDS),
    (60, _SOON_SECONDS),
    (66, 1.0),
)


class EchoLooks:
    """The search of one call."""

    def __init__(self) -> None:
        self._looks = 0
        self._checks = 0
        self._pause = _QUICK_SECONDS

    def early(self, *, undecided: bool) -> bool:
        """Whether the agent has only begun to speak; a little longer if it is `undecided` what was heard then."""
        return self._pause == _QUICK_SECONDS or (undecided and self._pause == _SOON_SECONDS)

    def pause(self, *, undecided: bool) -> float:
        """Seconds until the next time, as long as no echo is known."""
        return _QUICK_SECONDS if undecided else self._pause

    @property
    def seldom(self) -> bool:
        """No echo was found for a long time."""
        return self._pause == SELDOM_SECONDS

    def checked(self, *, measured: bool) -> None:
        """It was time; `measured`: there was something to measure."""
        self._looks += measured
        self._checks += 1
        self._pause = max(_pause(_LOOKS, self._looks), _pause(_CHECKS, self._checks))


def _pause(schedule: tuple[tuple[int, float], ...], done: int) -> float:
    for up_to, seconds in schedule:
        if done < up_to:
            return seconds
    return SELDOM_SECONDS
