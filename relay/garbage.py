"""When Python looks for cycles: seldom while calls go on, because every call stands still for it.

Reference counts free an ended call (ended.py). Cycles are left by errors, by a user's bot, and by what nobody thought
of; so what one look at all objects finds decides when the next is due. With 200 calls on one core it takes 40 to 65
ms, a hole for every caller.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

SOONEST: Final = 400  # ended sockets from one look at all objects to the next, while calls go on
LATEST: Final = 8_000
MOST_LEFT: Final = 100_000  # objects that may wait for it, if as many as before are left: some 30 MB
_LOOKS_S: Final = 1.0
_YOUNG: Final = 5_000
"""So many more objects than were freed before Python looks at the new ones. Those that calls have just made to wait for
their next messages are among them anyway, 60 of each call: after Python's own 700 a look takes nearly as long.
"""
_MIDDLE: Final = 3  # of those before a look at what they found in use as well: after 10 it would take 15 ms
_SELDOM: Final = 300  # looks of that kind before Python itself looks at all objects


class Garbage:
    """Of one process. `open_now` and `closed_so_far`: media sockets."""

    def __init__(self, open_now: Callable[[], int], closed_so_far: Callable[[], int]) -> None:
        self._open_now = open_now
        self._closed_so_far = closed_so_far
        self._collected_at = 0
        self._next = SOONEST

    def begin(self) -> None:
        """Exclude all objects from the start; from now on collections are for `look` to begin."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG, _MIDDLE, _SELDOM)

    def look(self) -> None:
        """Collect if it is time."""
        ended = self._closed_so_far() - self._collected_at
        if ended < (self._next if self._open_now() else 1):
            return
        self._collected_at += ended
        found = gc.collect()
        if ended >= SOONEST:  # of few calls it says little
            self._next = min(LATEST, max(SOONEST, MOST_LEFT * ended // max(found, 1)))

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(_LOOKS_S)
            self.look()
