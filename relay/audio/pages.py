"""Memory in pages of its own, for sound that a call needs for some seconds.

The kernel gets back what no call needs any more. What comes from the heap stays with the process: it is freed between
things that last longer. Some pages are kept for the next call, because getting them costs more than filling them.
"""

import mmap
import sys
from typing import Final

PAGE: Final = mmap.PAGESIZE
_KEPT: Final = 32  # free pages, for all calls


class Pages:
    """Pages that calls borrow, one at a time. Not for threads."""

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []

    def take(self) -> mmap.mmap:
        """PAGE bytes, with anything in them."""
        return self._free.pop() if self._free else mapped(PAGE)

    def give_back(self, pages: list[mmap.mmap]) -> None:
        """Nobody uses `pages` any more, which is emptied."""
        self._free += pages[: _KEPT - len(self._free)]
        pages.clear()


def mapped(size: int) -> mmap.mmap:
    """`size` bytes, all zero, until the last reference is gone. They take no memory until they are written to."""
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
