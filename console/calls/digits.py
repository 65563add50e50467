"""Search for phone numbers: in any spelling, from any part, in the digits of any script.

Numbers are indexed as digits by their trigrams, so that "98765 43", "+91-98765", "0 98765" and the last four digits
find the same call.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from common.phone import to_e164

SHORTEST: Final = 3
"""Fewest digits of a part that can be searched for: the index holds trigrams."""
_SPOKEN_SHORTEST: Final = 6
# \d matches digits of any script. Allowed between digits: all spaces and dashes, dots, slashes, parentheses.
_BETWEEN: Final = r"[\s().,/\-\u2010-\u2015\u2212\u00a0]"
_NUMBER: Final = re.compile(rf"(?<!\w)[+(]?\d(?:{_BETWEEN}{{0,3}}\d)*\)?(?!\w)")


def digits_of(text: str) -> str:
    """The digits in `text` as ASCII."""
    return "".join(str(unicodedata.digit(letter)) for letter in text if letter.isdigit())


def kept(numbers: Iterable[str], sayings: Iterable[str]) -> str:
    """The numbers that the index keeps of a call: its participants', in E.164 or as they came, and those said in it."""
    found = [digits_of(to_e164(number) or number) for number in numbers]
    found += [digits for text in sayings for digits in _spoken(text)]
    return " ".join(dict.fromkeys(filter(None, found)))


def parts_of(query: str) -> tuple[list[tuple[str, str]], str]:
    """The parts of a query that look like numbers, each as (digits to search for, the part as typed), and the rest of
    it.

    A leading trunk or international zero is dropped: the index keeps numbers in E.164.
    """
    parts: list[tuple[str, str]] = []

    def take(found: re.Match[str]) -> str:
        digits = digits_of(found[0])
        bare = digits.lstrip("0") or digits
        if len(bare) < SHORTEST:
            return found[0]
        parts.append((bare, found[0]))
        return " "

    rest = _NUMBER.sub(take, query)
    return parts, rest


def _spoken(text: str) -> Iterator[str]:
    for found in _NUMBER.finditer(text):
        digits = digits_of(found[0])
        if len(digits) >= _SPOKEN_SHORTEST:
            yield digits
