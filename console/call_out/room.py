"""Whether the account has a free stream: above its limit people pick up and hear nothing (exotel.md 1.14)."""

import asyncio
from collections.abc import Callable

from console.exotel.client import ExotelClient
from console.exotel.errors import ExotelError
from console.words import counted

LOOK_EVERY_S = 10.0
RINGING_S = 60.0  # a call that was placed longer ago than this has a stream by now, or is over


class Room:
    """`note` is called once when all streams are in use, and when Exotel doesn't report them. Times are the event
    loop's.
    """

    def __init__(self, client: ExotelClient, note: Callable[[str], None]) -> None:
        self._client = client
        self._note = note
        self._looked_at = -LOOK_EVERY_S
        self._taken = 0
        self._limit: int | None = None
        self._complained = False
        self._placed: dict[str, float] = {}

    def placed(self, mark: str) -> None:
        """One of our calls is on its way."""
        self._placed[mark] = asyncio.get_running_loop().time()

    def over(self, mark: str) -> None:
        """It has ended, or was not placed after all."""
        self._placed.pop(mark, None)

    async def wait(self) -> bool:
        """Until one more call fits; False if none ever will. An unknown limit holds no call back."""
        told = False
        while True:
            await self._look()
            # A ringing call has no stream yet, so calls that may still ring are added. Some count twice: better a
            # minute late than connected to nobody.
            ringing = sum(at > self._looked_at - RINGING_S for at in self._placed.values())
            if self._limit is None or self._taken + ringing < self._limit:
                return True
            if not self._limit:
                return False
            if not told:
                self._note(f"{self._taken} of {counted(self._limit, 'stream')} in use: waiting for one.")
                told = True
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = loop.time()
        try:
            streams = await self._client.streams()
        except ExotelError as error:
            self._limit = None
            if not self._complained:
                self._note(f"The number of streams in use is unknown ({error}): only --concurrent limits calls.")
                self._complained = True
            return
        self._taken, self._limit = streams.active, streams.limit
