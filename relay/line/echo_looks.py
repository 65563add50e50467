"""How often a line is searched for an echo: quickly at first, so that the agent does not interrupt itself, then seldom.

Pure: it counts.
"""

import math
from collections.abc import Sequence
from typing import Final

SELDOM_SECONDS: Final = 5.0  # in the end, or once an echo is known: an echo may begin or move later
_SELDOM_AT_MOST: Final = 30.0  # … if each time something is heard, and nothing is like an echo
_QUICK_SECONDS: Final = 0.04
_SOON_SECONDS: Final = 0.12
_NOW_AND_THEN_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.3
_FIRST_WORD_SECONDS: Final = 1.25
_EXACT: Final = 0.001  # sums of seconds are not
# Up to this many measurements, so many seconds apart; or for so many seconds, if usually nothing was heard to measure.
# While nothing is like an echo they are soon further apart: one that can interrupt the agent is alone on the line, and
# shows in the first four (seven behind AMR at 4.75 kbit/s). Later ones are for an echo under a caller's voice.
_LOOKS: Final = ((12, _QUICK_SECONDS), (24, _SOON_SECONDS), (30, _NOW_AND_THEN_SECONDS))
_MISSES: Final = ((6, _QUICK_SECONDS), (12, 0.24), (14, _NOW_AND_THEN_SECONDS))
_CHECKS: Final = ((1.44, _QUICK_SECONDS), (4.32, _SOON_SECONDS), (10.32, _NOW_AND_THEN_SECONDS))


class EchoLooks:
    """The search of one call."""

    def __init__(self) -> None:
        self._looks = self._misses = 0
        self._searched_s = 0.0
        self._pause = self._last_pause = _QUICK_SECONDS

    def early(self, *, undecided: bool) -> bool:
        """Whether the agent has only begun to speak; a little longer if it is `undecided` what was heard then."""
        return self._pause == _QUICK_SECONDS or (undecided and self._pause < _NOW_AND_THEN_SECONDS)

    @property
    def after_silence(self) -> float:
        """Seconds from an agent's first word until the next time, at least: before, too little of its echo is heard."""
        return _FIRST_WORD_SECONDS if self._pause >= _NOW_AND_THEN_SECONDS else 0.0

    def pause(self, *, undecided: bool, alike: bool, at_least: float) -> float:
        """Seconds until the next time, while no echo is known: at once if it is `undecided`, and once more soon if the
        last measurement was `alike`. Times before `at_least` are left out: no use.
        """
        pause = _QUICK_SECONDS if undecided else self._pause
        if alike and self.seldom and self._last_pause >= SELDOM_SECONDS:
            pause = _AGAIN_SECONDS
        self._last_pause = pause * max(1, math.ceil((at_least - _EXACT) / pause))
        return self._last_pause

    @property
    def seldom(self) -> bool:
        """No echo was found for a long time."""
        return self._pause >= SELDOM_SECONDS

    def checked(self, *, measured: bool, alike: bool) -> None:
        """It was time. `measured`: there was something to measure; `alike`: and it was like an echo."""
        self._looks += measured
        self._misses += measured and not alike
        self._searched_s += self._last_pause
        in_vain = self._misses - _MISSES[-1][0]  # a caller who speaks all the time hides what echo there may be
        self._pause = max(
            _pause(_LOOKS, self._looks),
            _pause(_MISSES, self._misses),
            _pause(_CHECKS, self._searched_s + _EXACT),
            min(_SELDOM_AT_MOST, SELDOM_SECONDS * (in_vain + 1)),
        )


def _pause(schedule: Sequence[tuple[float, float]], done: float) -> float:
    for up_to, seconds in schedule:
        if done < up_to:
            return seconds
    return SELDOM_SECONDS
