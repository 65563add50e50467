"""How fast, when and how long a list may call."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from console.call_out.hours import Hours
from console.call_out.outcome import Outcome, Result
from console.exotel.order import MAX_TIME_LIMIT_S, Order


@dataclass(frozen=True, slots=True)
class Limits:
    """`a_minute`: orders. `hours`: None for any time. `waits`: wait for the hours, instead of stopping. `minutes`:
    limit for all calls together; each counts in whole minutes, a running one with its maximal length.
    """

    a_minute: float = 30.0
    concurrent: int = 10
    hours: Hours | None = None
    waits: bool = True
    retry_unknown: bool = False
    minutes: float = math.inf

    def opens_in(self, now: float, zone: ZoneInfo | None) -> float:
        """Seconds until a number in `zone` may be called, 0 if it may; `now` in seconds since the epoch."""
        return 0.0 if self.hours is None or zone is None else self.hours.opens_in(now, zone)

    def afford(self, orders: Collection[Order], results: Collection[Result], ordering: int) -> bool:
        """Whether one more call of maximal length stays within the allowed minutes.

        `orders`: all of the list. `ordering`: orders without an answer yet.
        """
        if math.isinf(self.minutes):
            return True
        longest = max(map(longest_minutes, orders))
        running = ordering + sum(one.outcome in (Outcome.OPEN, Outcome.UNKNOWN) for one in results)
        talked = sum(math.ceil(one.duration_s / 60) for one in results if one.outcome.is_end)
        return talked + (running + 1) * longest <= self.minutes


def longest_minutes(order: Order) -> int:
    """The maximal length of a call: its own limit, else Exotel's."""
    return math.ceil((order.time_limit_s or MAX_TIME_LIMIT_S) / 60)
