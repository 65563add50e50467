"""Sound that may be the first of an echo, and is kept from the agent for a moment until that is known."""

from typing import Final

from relay.audio import pcm

_DOUBT_SECONDS: Final = 0.15  # so long the caller's sound is held back at most while it may be an echo


class HeldBack:
    """The caller's latest sound of one call."""

    def __init__(self, rate_hz: int) -> None:
        self._most = _DOUBT_SECONDS * rate_hz * pcm.SAMPLE_BYTES
        self._frames: list[bytes] = []

    def add(self, sound: bytes) -> bytes:
        """Hold `sound` back. Returns what has waited too long."""
        self._frames.append(sound)
        passed = b""
        while sum(map(len, self._frames)) > self._most:
            passed += self._frames.pop(0)
        return passed

    def released(self) -> bytes:
        """All of it, which then waits no longer."""
        if not self._frames:
            return b""
        held = b"".join(self._frames)
        self._frames.clear()
        return held
