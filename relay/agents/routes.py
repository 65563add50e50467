"""Which agent gets a call that names none, by numbers, hour and day: that of the first route that fits."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from common.phone import to_e164

WITHHELD: Final = "withheld"
"""In `from`: a caller who shows no number."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begin` to before `end`, minutes of the day, on `days` (0: Monday); an earlier `end` is on the next day."""

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    def hold(self, now: datetime) -> bool:
        """By the local time of the zone, also when summer time begins or ends."""
        local = now.astimezone(self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        before = (day - 1) % 7
        return (day in self.days and minute >= self.begin) or (before in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Route:
    """Fits if all its conditions are met. `holidays`: days as MM-DD or YYYY-MM-DD, in `zone`."""

    agent: str
    to: tuple[str, ...] = ()
    from_: tuple[str, ...] = ()
    hours: tuple[Hours, ...] = ()
    holidays: frozenset[str] | None = None
    zone: ZoneInfo | None = None

    def fits(self, caller: str, called: str, now: datetime) -> bool:
        """`caller`, `called`: in E.164 if possible."""
        if not (_fits(self.to, called) and _fits(self.from_, caller)):
            return False
        if self.hours and not any(hours.hold(now) for hours in self.hours):
            return False
        if self.holidays is None or self.zone is None:
            return True
        today = f"{now.astimezone(self.zone):%Y-%m-%d}"
        return today in self.holidays or today[5:] in self.holidays


class Routes:
    """The routes of one agents' file, in order."""

    def __init__(self, routes: Sequence[Route] = ()) -> None:
        self._routes = tuple(routes)

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, from_number: str, to_number: str, now: datetime) -> tuple[int, str] | None:
        """Number (from 1) and agent of the first route that fits; numbers as the line gave them, `now` with a zone."""
        caller, called = (to_e164(number) or number for number in (from_number, to_number))
        for number, route in enumerate(self._routes, 1):
            if route.fits(caller, called, now):
                return number, route.agent
        return None


def _fits(patterns: Collection[str], number: str) -> bool:
    if not patterns:
        return True
    for pattern in patterns:
        if pattern == WITHHELD:
            if not any(map(str.isdigit, number)):
                return True
        elif number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern:
            return True
    return False
