"""Takes the sound of several calls in together: a search for an echo takes less than half as long if another one has
just brought its code and tables into the processor's cache.
"""

from contextlib import suppress
from typing import Final, Protocol

EARLY_SECONDS: Final = 0.1  # as long as a frame can be
_OTHERS: Final = 3  # in one go: with four searches it takes the event loop a millisecond


class Waits(Protocol):
    """One call whose sound will soon have to be taken in."""

    def catch_up(self) -> None:
        """Take it in now. If that fails, it is done again when it has to be, and its own call meets the error."""
        ...


class EchoRounds:
    """Of one relay. None is late for others: it is done a little earlier, with the next one whose time is up."""

    def __init__(self) -> None:
        self._waiting: list[Waits] = []

    def join(self, who: Waits) -> None:
        """It may be done from now on."""
        if who not in self._waiting:
            self._waiting.append(who)

    def leave(self, who: Waits) -> None:
        """It does it itself, or not at all."""
        if who in self._waiting:
            self._waiting.remove(who)

    def go(self) -> None:
        """Somebody's time is up: those who have waited longest are done as well."""
        others, self._waiting = self._waiting[:_OTHERS], self._waiting[_OTHERS:]
        for other in others:
            with suppress(Exception):
                other.catch_up()
