"""What an agent gets for one frame from a call with an echo guard."""

import asyncio

from relay.line.echo_guard import EchoGuard


async def through(guard: EchoGuard, sound: bytes, now: float) -> bytes:
    """For a frame of the caller's that has just arrived, once the guard has decided."""
    decided: list[bytes] = []
    guard.passed = lambda sound, at: decided.append(sound)
    decided.insert(0, guard.heard(sound, now))
    while guard._judge is not None and guard._judge.waits:  # noqa: ASYNC110 - it tells nobody but `passed`
        await asyncio.sleep(0.001)
    return b"".join(decided)
