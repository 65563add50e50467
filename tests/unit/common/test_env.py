from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.env import Env, SettingError


def test_the_first_name_that_is_set_wins_and_empty_is_unset():
    env = Env({"PORT": " ", "BRIDGE_PORT": "10002"})
    assert env.integer("PORT", "BRIDGE_PORT", default=8080, low=1, high=65535) == 10002
    assert Env({"PORT": "9", "BRIDGE_PORT": "8"}).integer("PORT", "BRIDGE_PORT", default=1, low=1, high=99) == 9
    assert Env({}).integer("PORT", default=8080, low=1, high=65535) == 8080


@given(st.text())
def test_an_integer_is_in_range_or_refused_by_name(value):
    with suppress(SettingError):
        assert 1 <= Env({"N": value}).integer("N", default=5, low=1, high=9) <= 9


def test_a_refusal_names_variable_value_and_expectation():
    with pytest.raises(SettingError, match="^N='12': expected a whole number from 1 to 9$"):
        Env({"N": "12"}).integer("N", default=5, low=1, high=9)


@given(st.one_of(st.text(), st.floats().map(str)))
def test_a_number_is_finite_and_in_range_or_refused(value):
    with suppress(SettingError):
        assert 0 <= Env({"N": value}).number("N", default=0.5, low=0, high=1) <= 1


@pytest.mark.parametrize(("value", "meant"), [("TRUE", True), ("1", True), ("on", True), ("No", False), ("off", False)])
def test_booleans(value, meant):
    assert Env({"B": value}).boolean("B", default=not meant) is meant


def test_a_boolean_of_another_kind():
    with pytest.raises(SettingError, match="B='maybe': expected true or false"):
        Env({"B": "maybe"}).boolean("B", default=True)


def test_a_choice_keeps_its_own_spelling():
    assert Env({"C": "India"}).choice("C", default="us", choices=("us", "india")) == "india"
    with pytest.raises(SettingError, match="expected one of us, india"):
        Env({"C": "mars"}).choice("C", default="us", choices=("us", "india"))


def test_words_are_split_at_commas():
    assert Env({"S": " one, two ,,three"}).words("S") == ("one", "two", "three")
    assert Env({}).words("S") == ()


def test_a_mapping_is_an_object_of_strings():
    assert Env({"M": '{"a": "b"}'}).mapping("M") == {"a": "b"}
    assert Env({}).mapping("M") == {}
    for wrong in ("[1]", '{"a": 1}', "{", "a=b"):
        with pytest.raises(SettingError, match="a JSON object of strings"):
            Env({"M": wrong}).mapping("M")


def test_what_is_required_says_what_to_put_there():
    with pytest.raises(SettingError, match="KEY is not set: expected the key of your workspace"):
        Env({"KEY": ""}).required("KEY", "the key of your workspace")
    assert Env({"KEY": "k"}).required("KEY", "") == "k"


def test_a_secret_is_not_shown():
    assert "hunter2" not in str(SettingError("PASSWORD", "hunter2", "something longer", secret=True))


def test_a_secret_that_can_be_guessed_stops_the_start():
    """`EXOTEL_TOKEN=test` was taken: sixteen characters are asked for, and the refusal does not say the word."""
    long = "x" * 16
    assert Env({"T": long}).secret("T") == long
    assert Env({}).secret("T") == ""
    assert Env({"S": f"{long}, {long}"}).secrets("S") == (long, long)
    for wrong in (lambda: Env({"T": "hunter2"}).secret("T"), lambda: Env({"T": f"{long}, hunter2"}).secrets("T")):
        with pytest.raises(SettingError, match=r"^T=\(hidden\): expected 16 characters or more"):
            wrong()
