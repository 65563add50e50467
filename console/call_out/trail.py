"""What became of an order, asked of Exotel: whether it placed a call, and how the call ended."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from console.call_out.journal import Story
from console.call_out.people import INDIA, Callee
from console.exotel.client import ExotelClient
from console.exotel.errors import ExotelError
from console.exotel.facts import CallFacts
from console.exotel.order import MAX_TIME_LIMIT_S

FIRST_POLL_S, POLL_S = 2.0, 10.0
POLLS_A_MINUTE = 90  # of the account's 200 requests per minute
RING_S = 120.0
SETTLE_S = 180.0  # figures settle about two minutes after a call's end (exotel.md 4.5)


class NotKnownError(Exception):
    """Whether a call was placed can't be said now; the text says why."""


class Trail:
    """What Exotel knows of orders that were placed. `now`: seconds since the epoch."""

    def __init__(self, client: ExotelClient, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now

    async def placed_by(self, story: Story, callee: Callee) -> CallFacts | None:
        """The call of an order whose answer is not known; None: it certainly placed none. Raises NotKnownError."""
        since = datetime.fromtimestamp(story.intended_at, UTC)
        try:
            calls = await self._client.calls_to(
                callee.number, since - timedelta(minutes=2), since + timedelta(minutes=15)
            )
        except ExotelError as error:
            raise NotKnownError(f"could not be looked for: {error}") from None
        if found := next((call for call in calls if _may_be_ours(call, story.mark)), None):
            return found
        # Exotel lists calls only once they have ended: until the longest one would have, absence proves nothing.
        known_at = _longest_end(story)
        if self._now() < known_at:
            when = datetime.fromtimestamp(known_at, callee.zone or INDIA).strftime("%d %b %H:%M")
            raise NotKnownError(f"no ended call was found; whether one is running will be known at {when}")
        return None

    async def end_of(self, story: Story, running: Callable[[], int]) -> CallFacts | None:
        """Asks until the call has ended; None: Exotel has not said so when the longest one must have.

        `running`: how many calls are followed, because they share the requests that the account may make.
        """
        pause_s = 0.0
        while True:
            pause_s = min(POLL_S, pause_s + FIRST_POLL_S)
            await asyncio.sleep(max(pause_s, running() * 60 / POLLS_A_MINUTE))
            call: CallFacts | None = None
            with contextlib.suppress(ExotelError):  # our requests do not affect the call
                call = await self._client.call(story.call_sid)
            if call and call.status.is_end:
                return call
            # Ask at least once: an earlier run's call may have ended long ago.
            if self._now() >= _longest_end(story):
                return None


def _may_be_ours(call: CallFacts, mark: str) -> bool:
    """A call without a visible custom field may be ours: better one call too few than one too many."""
    if call.direction and not call.direction.startswith("outbound"):
        return False
    return not call.custom_field or f"#{mark}" in call.custom_field


def _longest_end(story: Story) -> float:
    """When the longest call that this intent may have placed has ended and is listed; seconds since the epoch."""
    return story.intended_at + RING_S + (story.time_limit_s or MAX_TIME_LIMIT_S) + SETTLE_S
