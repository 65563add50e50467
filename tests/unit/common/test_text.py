import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text import ascii_digits, spelling

SCRIPTS = ("DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "GUJARATI", "KANNADA", "MALAYALAM", "ARABIC-INDIC", "FULLWIDTH")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Team 1", "team_1"),
        ("TEAM-1", "team१"),
        ("Café", "cafe\u0301"),
        ("ＳＡＬＥＳ", "sales"),
        ("बिक्री विभाग", "बिक्री-विभाग"),
        ("க்\u200cஷ", "க்ஷ"),  # a joiner only changes how it is drawn
        ("ज़रूरी", "ज\u093cरूरी"),
    ],
)
def test_spellings_of_one_word(one, other):
    assert spelling(one) == spelling(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("मदद", "मुद्दे"), ("दिल्ली", "दलाली"), ("কাল", "কুল"), ("மதுரை", "மதரை"), ("విజయ", "వజయ"), ("ಸೇವೆ", "ಸವ")],
)
def test_vowel_signs_are_letters(one, other):
    """Without them an agent that asked for मुद्दे was given मदद."""
    assert spelling(one) != spelling(other)


@pytest.mark.parametrize("script", SCRIPTS)
def test_digits_of_any_script(script):
    names = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
    digits = "".join(unicodedata.lookup(f"{script} DIGIT {name}") for name in names)
    assert ascii_digits(f"+{digits} a") == "+0123456789 a"


@given(st.text())
def test_ascii_digits_keeps_the_length_and_is_idempotent(text):
    assert len(ascii_digits(text)) == len(text)
    assert ascii_digits(ascii_digits(text)) == ascii_digits(text)
    assert spelling(spelling(text)) == spelling(text)
