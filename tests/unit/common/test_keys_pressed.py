import pytest

from common.keys_pressed import without_keys


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("The caller pressed on the phone's keypad: 4111#", "The caller pressed on the phone's keypad: ***"),
        ("[The caller pressed on the phone's keypad: 12*9]", "[The caller pressed on the phone's keypad: ***]"),
        ("[pressed 7]", "[pressed ***]"),
        ("I pressed 1 and then pressed 22", "I pressed *** and then pressed ***"),
        ("My number is 42, I am pressed for time", "My number is 42, I am pressed for time"),
        ("", ""),
    ],
)
def test_keys_are_taken_out_of_the_words_for_them(said, kept):
    assert without_keys(said) == kept
