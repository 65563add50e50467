"""Calling hours: a span of the day on the callee's own clock."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Hours:
    """From `start` until just before `end`; may include midnight."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """`09:00-21:00`. Raises ValueError."""
        found = _SPAN.fullmatch(text.strip())
        try:
            if not found:
                raise ValueError
            midnight = (int(found[3]), int(found[4])) == (24, 0)
            start = time(int(found[1]), int(found[2]))
            end = time(0) if midnight else time(int(found[3]), int(found[4]))
            if start == end and not midnight:
                raise ValueError
        except ValueError:
            raise ValueError(f"{text!r}: expected calling hours such as 09:00-21:00") from None
        return cls(start, end)

    def opens_in(self, now: float, zone: ZoneInfo) -> float:
        """Seconds until the hours begin in `zone`, 0 if they have; `now` in seconds since the epoch."""
        there = datetime.fromtimestamp(now, zone)
        clock = there.time()
        over_midnight = self.end <= self.start
        if self.start <= clock < self.end or (over_midnight and (clock >= self.start or clock < self.end)):
            return 0.0
        day = there.date() if clock < self.start else there.date() + timedelta(days=1)
        return max(1.0, datetime.combine(day, self.start, zone).timestamp() - now)
