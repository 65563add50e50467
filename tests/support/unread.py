"""A peer that does not read for a while: what is sent to it must wait, and all of it must come."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol


class Sender(Protocol):
    """An end of ours."""

    async def send(self, message: bytes) -> None: ...

    def stalled_for(self, now: float) -> float: ...


async def holds_up_the_sender(
    socket: Sender, said: Sequence[bytes], read: Callable[[], Awaitable[bytes]], *, most: int, unread_s: float
) -> None:
    """Send all of `said` while nothing is read for `unread_s` seconds: fewer than `most` get away. Then `read` them."""
    loop = asyncio.get_running_loop()
    sent = 0

    async def speak() -> None:
        nonlocal sent
        for message in said:
            await socket.send(message)
            sent += 1

    began = loop.time()
    speaking = asyncio.create_task(speak())
    await asyncio.sleep(unread_s)
    assert sent < most
    assert 0 < socket.stalled_for(loop.time()) <= loop.time() - began
    assert [await read() for _ in said] == list(said)
    await speaking
    assert socket.stalled_for(loop.time()) == 0
