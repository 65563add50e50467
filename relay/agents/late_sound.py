"""Which sound is stale after an interruption: it was already on its way and must not be heard."""

import asyncio
from typing import Final

LATE_SECONDS: Final = 3.0  # sound that arrives this long after an interruption is not from before it


class TurnGate:
    """For vendors whose sound has no ids: drops all sound until the next turn begins, or for LATE_SECONDS."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._shut_until = 0.0

    @property
    def is_shut(self) -> bool:
        """Whether sound that arrives now belongs to the interrupted turn."""
        return self._shut_until > self._loop.time()

    def shut(self) -> None:
        """The caller interrupted the agent."""
        self._shut_until = self._loop.time() + LATE_SECONDS

    def open(self) -> None:
        """The next turn begins, or the interrupted one is over."""
        self._shut_until = 0.0


class EventGate:
    """For ElevenLabs, whose sound has the number of its turn. Numbers below the highest interruption are stale.

    The interrupted number itself is stale only if some of its audio came before: a reply may reuse the number of the
    interruption before it (elevenlabs.md A2.5).
    """

    def __init__(self) -> None:
        self._watermark = -1
        self._latest = -1
        self._stale_at_watermark = False

    def interrupted(self, event_id: int | None) -> None:
        """Note an interruption; without a number it applies to what was heard last.

        A lower number than before (the vendor stops its typing sounds that way) makes nothing more stale.
        """
        overtaken = self._latest if event_id is None else event_id
        if overtaken >= self._watermark:
            self._watermark = overtaken
            self._stale_at_watermark = self._latest >= overtaken

    def admits(self, event_id: int) -> bool:
        """Whether audio that arrives now with `event_id` may be played."""
        if event_id < self._watermark or (event_id == self._watermark and self._stale_at_watermark):
            return False
        self._latest = max(self._latest, event_id)
        return True
