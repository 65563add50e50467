"""Collects keys into one message: otherwise the agent would answer each digit of a number."""

import asyncio
from collections.abc import Callable
from typing import Final

PAUSE: Final = 1.5  # seconds without a key, after which an entry is complete
MAX_KEYS: Final = 64
END_KEY: Final = "#"


class Keypad:
    """Collects keys until `#` or a pause and hands them to `deliver`."""

    def __init__(self, deliver: Callable[[str], None]) -> None:
        self._deliver = deliver
        self._keys = ""
        self._timer: asyncio.TimerHandle | None = None

    def press(self, key: str) -> None:
        """The caller pressed a key."""
        self._keys += key
        self.stop()
        if key == END_KEY or len(self._keys) >= MAX_KEYS:
            self._flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._flush)

    def stop(self) -> None:
        """Drop the keys collected so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        keys, self._keys = self._keys, ""
        self._deliver(keys)
