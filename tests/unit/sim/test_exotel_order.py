"""What the fake refuses to dial, as Exotel would."""

import pytest

from sim.exotel_order import complaint

EXOPHONE = "+918047100002"
ORDER = {
    "From": ["+919876500010"],
    "CallerId": ["08047100002"],
    "StreamUrl": ["wss://bot.example.in/media"],
    "StreamType": ["bidirectional"],
}


def test_an_order_that_is_taken():
    assert complaint(ORDER, {EXOPHONE}) == ""


@pytest.mark.parametrize("number", ["+९१९८७६५०००१०", "९८७६५०००१०", "+12345678", "9876500010"])
def test_a_number_in_other_digits_or_too_short_is_refused(number):
    assert "From is not a number to dial" in complaint({**ORDER, "From": [number]}, {EXOPHONE})


@pytest.mark.parametrize("limit", ["²", "१०", "-1", "14401", "0"])
def test_a_time_limit_is_a_number_in_latin_digits(limit):
    """`²` counts as a digit for Python, and cannot be made a number of: the fake fell over it."""
    assert complaint({**ORDER, "TimeLimit": [limit]}, {EXOPHONE}) == "TimeLimit must be up to 14400"
