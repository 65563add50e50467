"""How long a list may call, counted before each order."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.call_out.hours import Hours
from console.call_out.limits import Limits, longest_minutes
from console.call_out.outcome import Outcome, Result
from console.call_out.people import Callee
from console.exotel.order import Order

INDIA = ZoneInfo("Asia/Kolkata")
ONE = Callee("+919876500000", 2)


def order(time_limit_s):
    return Order(ONE.number, "+918047100002", "wss://relay.example/media/token", time_limit_s=time_limit_s)


def results(*found):
    return [Result(ONE, outcome, duration_s) for outcome, duration_s in found]


@pytest.mark.parametrize(("limit_s", "minutes"), [(60, 1), (61, 2), (0, 240)])
def test_a_call_counts_as_long_as_it_may_become(limit_s, minutes):
    assert longest_minutes(order(limit_s)) == minutes


@pytest.mark.parametrize(
    ("found", "ordering", "may"),
    [
        ([], 0, True),
        ([(Outcome.ANSWERED, 301)], 0, False),  # 6 started minutes, and 5 for the next
        ([(Outcome.ANSWERED, 300)], 0, True),
        ([(Outcome.OPEN, 0)], 0, True),
        ([(Outcome.OPEN, 0), (Outcome.UNKNOWN, 0)], 0, False),  # an unknown one may be talking
        ([(Outcome.OPEN, 0)], 1, False),
        ([(Outcome.BUSY, 0), (Outcome.NOT_CALLED, 0), (Outcome.REFUSED, 0)], 1, True),
    ],
)
def test_the_minutes_of_all_calls_together(found, ordering, may):
    assert Limits(minutes=10).afford([order(300), order(60)], results(*found), ordering) is may


def test_without_a_limit_every_call_is_affordable():
    assert Limits().afford([], results((Outcome.OPEN, 0)), 99)


def test_hours_are_those_of_the_callee():
    limits = Limits(hours=Hours.parse("09:00-21:00"))
    now = datetime(2026, 11, 23, 2, 30, tzinfo=UTC).timestamp()  # 08:00 in India
    assert limits.opens_in(now, INDIA) == 3600
    assert limits.opens_in(now, None) == 0
    assert Limits().opens_in(now, INDIA) == 0
