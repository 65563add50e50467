"""Limits a rate evenly, and can pause."""

import asyncio
import re

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|sec|min|m|h|hour)")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "hour": 3600}


def per_minute(text: str) -> float:
    """`30/min`, `2/s` or `500/h` as a number per minute. Raises ValueError."""
    found = _RATE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise ValueError(f"{text!r}: expected a rate such as 30/min, 2/s or 500/h")
    return float(found[1]) * 60 / _SECONDS[found[2]]


class Pace:
    """Turns are granted in the order of the requests. The clock is the event loop's."""

    def __init__(self, a_minute: float) -> None:
        self._interval_s = 60 / a_minute
        self._next_at = 0.0
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        async with self._queue:
            while (wait_s := self._next_at - loop.time()) > 0:  # noqa: ASYNC110 - a pause may begin while waiting
                await asyncio.sleep(wait_s)
            self._next_at = max(self._next_at, loop.time()) + self._interval_s

    def pause(self, seconds: float) -> None:
        """Grant no turn for this long."""
        self._next_at = max(self._next_at, asyncio.get_running_loop().time() + seconds)
