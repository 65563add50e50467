"""An agent that never stops sending, until the client is gone: clients must limit what they accept."""

from collections.abc import Awaitable, Callable
from typing import Final

KINDS: Final = ("audio", "agent_text", "caller_text", "tools", "junk")
TEXT: Final = "word " * 200
TOOL: Final = ("control_background_sound", {"volume": 0.5})
AUDIO_S: Final = 1.0
LIMIT: Final = 50_000  # messages, if the client accepts them all


async def flood(send: Callable[[int], Awaitable[None]], gone: Callable[[], bool]) -> None:
    """`send` message after message, by number."""
    for number in range(LIMIT):
        if gone():
            return
        await send(number)
