"""Numbers that an agent reads out, in the ways people read them."""

import pytest

from console.rehearse.spoken_numbers import readings, says


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("My number is nine eight double seven five", "98775"),
        ("double nine eight one", "9981"),
        ("triple zero one", "0001"),
        ("It costs fifteen hundred rupees", "1,500"),
        ("It costs 1,500 rupees", "1500"),
        ("The total is ₹1,24,999.00.", "124999"),
        ("one lakh twenty four thousand nine hundred and ninety nine", "124999"),
        ("twenty four hours", "24"),
        ("पाँच सौ रुपये", "500"),
        ("एक हज़ार पांच सौ", "1500"),
        ("मेरा नंबर ९८७६५ ४३२१० है", "9876543210"),
        ("call 98765-43210", "98765 43210"),
        ("we open at nine", "9"),
        ("at 9:30", "9:30"),
        ("oh nine one", "091"),
    ],
)
def test_a_number_is_found_in_any_spoken_form(text, figure):
    assert says(text, figure), list(readings(text))


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("It costs 1500", "15"),
        ("fifteen thousand", "1500"),
        ("five hundred", "1500"),
        ("nobody said a number", "7"),
        ("some text", ""),
        ("98765 43211", "98765 43210"),
    ],
)
def test_a_different_number_is_not_found(text, figure):
    assert not says(text, figure), list(readings(text))
