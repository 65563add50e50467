"""Calling hours are on the callee's clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.call_out.hours import Hours

INDIA, NEW_YORK = ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")
DAY = Hours.parse("09:00-21:00")


def at(text, zone=INDIA):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("moment", "hours_until"),
    [("08:59:59", 1 / 3600), ("09:00:00", 0), ("20:59:59", 0), ("21:00:00", 12), ("00:00:00", 9), ("23:30:00", 9.5)],
)
def test_a_day(moment, hours_until):
    assert DAY.opens_in(at(f"2026-11-23 {moment}"), INDIA) == pytest.approx(hours_until * 3600)


def test_the_same_moment_is_day_there_and_night_here():
    noon_in_india = at("2026-11-23 12:00")
    assert DAY.opens_in(noon_in_india, INDIA) == 0
    assert DAY.opens_in(noon_in_india, NEW_YORK) == pytest.approx(7.5 * 3600)  # it is 01:30 there


def test_a_span_over_midnight():
    night = Hours.parse("21:00-06:00")
    assert night.opens_in(at("2026-11-23 23:00"), INDIA) == 0
    assert night.opens_in(at("2026-11-23 05:00"), INDIA) == 0
    assert night.opens_in(at("2026-11-23 06:00"), INDIA) == 15 * 3600


def test_until_midnight():
    assert Hours.parse("09:00-24:00").opens_in(at("2026-11-23 23:59"), INDIA) == 0
    assert Hours.parse("00:00-24:00").opens_in(at("2026-11-23 00:00"), INDIA) == 0


def test_a_night_in_which_the_clocks_change_is_an_hour_shorter():
    assert DAY.opens_in(at("2026-03-07 21:00", NEW_YORK), NEW_YORK) == 11 * 3600


@given(st.floats(1.6e9, 1.9e9), st.sampled_from([INDIA, NEW_YORK, ZoneInfo("Australia/Lord_Howe")]))
def test_after_the_wait_it_is_time(now, zone):
    assert DAY.opens_in(now + DAY.opens_in(now, zone), zone) == 0


@pytest.mark.parametrize("text", ["", "9-21", "09:00", "09:00-09:00", "25:00-26:00", "09:61-10:00", "09:00-24:30"])
def test_invalid_hours(text):
    with pytest.raises(ValueError, match="expected calling hours such as 09:00-21:00"):
        Hours.parse(text)
