"""When Python looks for cycles among all objects: while no call goes on, if possible, because every call stands still
for it.

With 200 calls on one core such a full collection takes 40 to 65 ms, and Python makes one whenever a quarter of its
objects is new: a hole for every caller. What an ended call leaves are cycles, mostly aiohttp's and the call's own, so
without any collection its memory would never come back.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

KEPT: Final = 400  # ended sockets whose objects may wait for a full collection: some 30 MB
_LOOKS_S: Final = 1.0
_SELDOM: Final = 100  # collections of the middle generation before a full one; Python's 10 are a minute of 200 calls


class Garbage:
    """Of one process. `open_now` and `closed_so_far`: media sockets."""

    def __init__(self, open_now: Callable[[], int], closed_so_far: Callable[[], int]) -> None:
        self._open_now = open_now
        self._closed_so_far = closed_so_far
        self._collected_at = 0

    def begin(self) -> None:
        """Exclude all objects from the start; from now on collections are for `look` to begin."""
        gc.collect()
        gc.freeze()
        youngest, middle, _ = gc.get_threshold()
        gc.set_threshold(youngest, middle, _SELDOM)

    def look(self) -> None:
        """Collect if it is time."""
        closed = self._closed_so_far()
        if closed - self._collected_at >= (KEPT if self._open_now() else 1):
            self._collected_at = closed
            gc.collect()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(_LOOKS_S)
            self.look()
