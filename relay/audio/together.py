"""Work of several calls that is done in one go, because it takes a third of the time when its code is already in the
processor's cache: half a second of a caller's voice is measured by forty calls of numpy, and little else."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

_TOGETHER: Final = 8  # more would make frames wait for more than half a millisecond


class Together:
    """Of one relay. Nobody may depend on when the work is done."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, work: Callable[[], None]) -> None:
        """Do `work` soon, with that of others. Its errors are ignored: it has to leave itself to be done again."""
        self._waiting.append(work)
        if len(self._waiting) < _TOGETHER:
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            with suppress(Exception):  # it is another call's, which will meet it itself
                each()
