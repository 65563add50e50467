"""A fake agent's speech: sent in bursts ahead of real time, in uneven pieces. Tells how much can have been heard."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from sim.agent_script import AgentScript
from sim.sound import AudioFormat, Pcm


class Voice:
    """`format`: of the sound it sends, known once the client has requested it. Times are those of the event loop."""

    def __init__(self, script: AgentScript) -> None:
        self.format: AudioFormat | None = None
        self.until = 0.0
        """When everything sent so far will have been played, if the client plays it as it arrives."""
        self.heard = 1.0
        """Of the reply that was stopped last, the share that can have been heard."""
        self._from = 0.0
        self._script = script
        self._random = random.Random(7)

    @property
    def is_heard(self) -> bool:
        """Whether sound that was sent would still be playing."""
        return asyncio.get_running_loop().time() < self.until

    async def say(self, pcm: Pcm, send: Callable[[bytes, float], Awaitable[None]]) -> None:
        """Call `send` with each piece in the format, and its length in seconds."""
        assert self.format is not None
        rate_hz = self.format.rate_hz
        self._from = self.until = max(asyncio.get_running_loop().time(), self.until)
        place = 0
        while place < pcm.size:
            milliseconds = self._random.randint(*self._script.chunk_ms)
            size = milliseconds * rate_hz // 1000 + self._random.randint(0, 13)  # not aligned
            piece = pcm[place : place + size]
            place += size
            length_s = piece.size / rate_hz
            self.until += length_s
            await send(self.format.encoded(piece), length_s)
            await asyncio.sleep(length_s / self._script.burst_speed)

    def stop(self) -> None:
        """The caller speaks: from now on nothing that was sent is played."""
        now = asyncio.get_running_loop().time()
        self.heard = min(1.0, max(0.0, (now - self._from) / max(self.until - self._from, 0.001)))
        self.until = min(self.until, now)
