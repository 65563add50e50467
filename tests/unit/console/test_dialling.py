"""Which numbers may be dialled: `make call LIST=…` took premium and satellite ranges without a question."""

import pytest

from common.env import SettingError
from common.phone import to_e164
from console.dialling import Dialling, by_country, check_all, country_of

INDIAN = "+918047100002"


def refusal(number, countries="IN"):
    with pytest.raises(ValueError, match=".") as caught:
        Dialling(frozenset(countries.split(","))).check(number)
    assert number.lstrip("+") not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("+19005551234", "a premium-rate number"),
        ("+33820123456", "a shared-cost number"),
        ("+447012345678", "a personal number"),
        ("+870773111632", "a satellite"),
        ("+881612345678", "a satellite"),
        ("+919000", "not a number that exists"),
        ("+18765550123", "a number of JM; allowed: IN,US"),
        ("+971501234567", "COUNTRIES=IN,US,AE would allow it"),
        ("+999123456789", "not a number of any country's plan"),
    ],
)
def test_what_costs_extra_or_lies_elsewhere_is_refused(number, says):
    assert says in refusal(number, "IN,US")


@pytest.mark.parametrize("number", [INDIAN, "+919876500001", "+917047100002"])
def test_the_callers_own_country_is_allowed_without_a_setting(number):
    Dialling.from_env({}, INDIAN).check(number)


def test_countries_widen_it_and_a_name_that_is_none_is_refused():
    Dialling.from_env({"COUNTRIES": "in, AE"}, INDIAN).check("+971501234567")
    with pytest.raises(SettingError, match="UK is none"):
        Dialling.from_env({"COUNTRIES": "IN,UK"}, INDIAN)


def test_without_a_caller_id_every_country_is_allowed_but_nothing_that_costs_extra():
    anywhere = Dialling.from_env({})
    anywhere.check("+971501234567")
    with pytest.raises(ValueError, match="premium-rate"):
        anywhere.check("+19005551234")


def test_numbers_are_counted_by_country_the_most_first():
    assert by_country([INDIAN, "+971501234567", "+919876500001"]) == {"IN": 2, "AE": 1}
    assert country_of("+870773111632") == country_of("nonsense") == ""


def test_targets_are_checked_the_same_way_and_named_without_their_numbers():
    wrong = check_all({"support": [INDIAN], "sales": ["+19005551234"]}, Dialling(frozenset({"IN"})))
    assert wrong == ["sales: a number is a premium-rate number: those are never dialled"]


@pytest.mark.parametrize("text", ["+44 20 7946 0000 ext 12", "9876500001x2", "98765 00001 #3", "+91 98765 00001;ext=1"])
def test_an_extension_is_no_part_of_a_number(text):
    """`+44 20 7946 0000 ext 12` became +44207946000012, which is somebody else."""
    assert to_e164(text) is None
