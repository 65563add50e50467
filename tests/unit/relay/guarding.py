"""What the uplink does with an echo guard, for one frame."""

from relay.line.echo_guard import EchoGuard


async def through(guard: EchoGuard, sound: bytes, now: float) -> bytes:
    """What the agent gets for a frame of the caller's that has just arrived."""
    passed = guard.heard_now(sound, now)
    return await guard.judged(sound) if passed is None else passed
