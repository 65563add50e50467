"""The milliseconds of the event loop's clock."""

from typing import Final

_TICKS: Final = 1000  # a second; uvloop's clock and its timers count whole milliseconds


def whole_tick(when: float) -> float:
    """The first whole millisecond that is not before `when` (seconds of the loop's clock)."""
    ticks = when * _TICKS
    tick = int(ticks)
    if tick < ticks:
        tick += 1
    return tick / _TICKS if tick / _TICKS >= when else (tick + 1) / _TICKS  # the product was rounded down
