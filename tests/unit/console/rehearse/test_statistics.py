"""Intervals, held to published examples."""

import pytest

from console.rehearse.statistics import Difference, Rate


@pytest.mark.parametrize(
    ("passed", "runs", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_rate_has_wilsons_interval(passed, runs, low, high):
    rate = Rate(passed, runs)
    assert rate.low == pytest.approx(low, abs=6e-5)
    assert rate.high == pytest.approx(high, abs=6e-5)


def test_the_difference_of_two_rates_has_newcombes_interval():
    """Newcombe 1998, "Interval estimation for the difference", table II (a), method 10: 56/70 - 48/80."""
    difference = Difference(old=Rate(48, 80), new=Rate(56, 70))
    assert difference.low == pytest.approx(0.0524, abs=6e-5)
    assert difference.high == pytest.approx(0.3339, abs=6e-5)
    assert difference.verdict == "better"


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (Rate(20, 20), Rate(8, 20), "worse"),
        (Rate(9, 10), Rate(8, 10), "no clear difference"),
        (Rate(0, 0), Rate(0, 0), "no clear difference"),
    ],
)
def test_chance_alone_is_no_difference(old, new, verdict):
    assert Difference(old, new).verdict == verdict


def test_a_rate_says_how_sure_it_is():
    assert str(Rate(9, 10)) == "9 of 10 (60% to 98%)"
