"""What failed orders mean for a list."""

import pytest

from console.call_out.failures import FOR_ALL, Failures
from console.exotel.errors import Refused, Throttled, Unanswered, Unreachable

BUSY = Throttled("too many requests", None)
GONE = Unreachable("no address")


def test_the_wait_grows_up_to_a_minute_and_begins_again_after_an_accepted_order():
    failures = Failures()
    assert [failures.again_in(GONE) for _ in range(5)] == [5, 15, 30, 60, 60]
    failures.accepted()
    assert failures.again_in(GONE) == 5


def test_exotel_may_ask_for_a_longer_wait_but_not_for_a_shorter_one():
    assert Failures().again_in(Throttled("slow down", 120.0)) == 120
    assert Failures().again_in(Throttled("slow down", 1.0)) == 5


@pytest.mark.parametrize(
    ("error", "bearable"), [(Unanswered("no answer"), 3), (Refused("no", 400), 3), (GONE, 6)], ids=type
)
def test_a_few_failures_in_a_row_stop_the_list(error, bearable):
    failures = Failures()
    assert [failures.stops(error) for _ in range(bearable - 1)] == [""] * (bearable - 1)
    assert failures.stops(error) == f"{bearable} orders in a row failed, the last one with: {error}"


def test_an_accepted_order_begins_a_new_row():
    failures = Failures()
    for _ in range(5):
        assert failures.stops(Unanswered("no answer")) == ""
        failures.accepted()


def test_throttling_stops_nothing():
    failures = Failures()
    assert {failures.stops(BUSY) for _ in range(50)} == {""}


@pytest.mark.parametrize("status", FOR_ALL)
def test_a_refusal_that_concerns_the_account_stops_at_once_and_says_what_to_do(status):
    assert FOR_ALL[status] in Failures().stops(Refused("refused", status))
