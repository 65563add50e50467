"""An agent's messages in the moment in which they arrive, as many as it may send."""

from collections.abc import Awaitable, Callable
from typing import Final

from relay.agents.budget import Allowance, Rate
from relay.at_once import DONE, failing

_MESSAGES: Final = Rate("messages", per_s=500.0, burst=10_000.0)
_BYTES: Final = Rate("bytes", per_s=1_000_000.0, burst=48_000_000.0)  # five minutes of 24 kHz are 20 MB as text
_AT_ONCE: Final = 4  # messages of one turn of the loop: an agent that sends more at once must not delay other calls

Hear = Callable[[bytes], Awaitable[None]]
"""Handles a message, as far as that needs no waiting, and returns the rest (relay.at_once)."""


class Hearing:
    """Of one socket. `time`: the event loop's clock."""

    def __init__(self, time: Callable[[], float]) -> None:
        self.hear: Hear | None = None
        self.over = False
        """Nothing is to be heard any more."""
        self.rest: Awaitable[None] = DONE
        """Of the message that comes next, which was handled already."""
        self._time = time
        self._heard_at, self._heard = 0.0, 0  # messages of one turn of the loop
        self._messages, self._bytes = Allowance(_MESSAGES), Allowance(_BYTES)

    def message(self, message: bytes) -> bool:
        """Called when it arrives while `receive` waits for nothing else. False: it has to be received, and `rest` is
        what is left of it, or raises what went wrong.
        """
        now = self._time()
        self._heard, self._heard_at = self._heard + 1 if now == self._heard_at else 1, now
        if self.hear is None or self._heard > _AT_ONCE or self.over:
            return False
        try:
            self.count(now, len(message))
            self.rest = self.hear(message)
        except Exception as error:  # noqa: BLE001 - it must not end in aiohttp's parser
            self.rest = failing(error)
        return self.rest is DONE

    def count(self, now: float, size: int) -> None:
        """A message of `size` bytes, 0 for one without content. Raises FloodError if there are too many."""
        self._messages.take(now)
        self._bytes.take(now, float(size))
