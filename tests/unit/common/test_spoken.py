"""Runs of digits in what was said or written. Which of them are phone numbers or cards, the rules of redaction say."""

import pytest

from common.spoken import digits_of, runs


def found(text):
    return [digits_of(run) for run in runs(text)]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("98765 four three two one zero", ["9876543210"]),
        ("double nine triple eight डबल सात", ["9988877"]),
        ("forty one, forty, twenty zero", ["4140200"]),
        ("नौ आठ सात nau aath saat अट्ठानवे", ["98798798"]),
        ("nine uh eight um seven", ["987"]),
        ("nine of eight", ["9", "8"]),
        ("uh nine", ["9"]),
        ("double trouble nine", ["9"]),
        ("१२३ 45", ["12345"]),
        ("1 - 2", ["12"]),
        ("1  --  2", ["1", "2"]),
        ("double -- -- nine", ["9"]),
        ("forty uh one", ["401"]),
        ("forty 1", ["401"]),
        ("", []),
        ("no digits at all", []),
    ],
)
def test_digits_one_after_another_are_a_run(text, digits):
    assert found(text) == digits


@pytest.mark.parametrize("name", ["conv_12", "12_conv", "_12", "12_", "*12", "a12", "12a", "12क"])
def test_a_figure_that_is_part_of_a_name_is_left_out(name):
    assert found(name) == []


@pytest.mark.parametrize("text", ["12*", "क12", "(12)", "12."])
def test_a_figure_beside_anything_else_is_not(text):
    assert found(text) == ["12"]


def test_a_run_says_where_it_stands_and_how_it_was_said():
    text = "call double nine, 41."
    [[nines, figure]] = runs(text)
    assert (text[nines.start : nines.end], nines.spoken, nines.strong) == ("double nine", True, False)
    assert (text[figure.start : figure.end], figure.spoken, figure.strong) == ("41", False, True)
    [[both]] = runs("say forty one")
    assert (both.start, both.end) == (4, 13)
