import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.phone import mask, to_e164

NATIONAL = st.from_regex(r"[1-9][0-9]{9}", fullmatch=True).filter(lambda number: not number.startswith("1800"))
SPELLINGS = st.sampled_from(["{}", "0{}", "91{}", "+91{}", "091{}", "0091{}", "+91 {} ", "(+91)-{}"])


@given(NATIONAL, SPELLINGS)
def test_every_indian_spelling_is_one_number(national, spelling):
    assert to_e164(spelling.format(national)) == f"+91{national}"


@given(st.one_of(st.text(), st.text(alphabet="+0123456789 -()", max_size=20)))
def test_to_e164_returns_e164_or_none(text):
    assert (number := to_e164(text)) is None or re.fullmatch(r"\+[1-9][0-9]{8,14}", number)


@given(NATIONAL, SPELLINGS)
def test_normalising_an_e164_number_changes_nothing(national, spelling):
    once = to_e164(spelling.format(national))
    assert to_e164(once) == once


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "anonymous",
        "sip:agent@host",
        "18001234567",
        "1800123456",
        "12345",
        "+0123456789",
        "+12345678",
        "12345678",
    ],
)
def test_numbers_without_an_e164_form_are_refused(text):
    assert to_e164(text) is None


@pytest.mark.parametrize("text", ["+0123456789", "+12345678", "0012345678", "12345678", "+91123456"])
def test_too_few_digits_or_a_country_of_zero(text):
    assert to_e164(text) is None


@pytest.mark.parametrize(("text", "number"), [("+1 415 555 0100", "+14155550100"), ("00442071234567", "+442071234567")])
def test_other_countries_need_their_code(text, number):
    assert to_e164(text) == number


@pytest.mark.parametrize("text", ["९८७६५०००१०", "+91 ९८७६५ ०००१०", "০৯৮৭৬৫০০০১০", "９８７６５０００１０"])
def test_digits_of_any_script_become_those_that_are_dialled(text):
    """A target in Devanagari digits passed every check here, and then Exotel refused the whole answer."""
    assert to_e164(text) == "+919876500010"
    assert mask(text) == "***0010"


@given(st.text(alphabet="+0123456789 ", max_size=20))
def test_a_mask_shows_four_digits_at_most(text):
    assert len(re.findall(r"\d", mask(text))) in {0, 4}


@pytest.mark.parametrize(
    ("text", "shown"), [("+919876500001", "***0001"), ("1234", "***"), ("", "unknown"), (None, "unknown")]
)
def test_masks(text, shown):
    assert mask(text) == shown
