"""Masks phone numbers in texts that come from a model, a vendor, the line or speech recognition.

One function for logs and exports, tested with one corpus of spellings (tests/fixtures/numbers.tsv). A number has seven
or more digits of any script, in groups separated by spaces, commas, dots, dashes, slashes or brackets, or spoken as
words. Its last four digits stay. Dates, times, amounts, decimals, addresses and ids stay as they are.
"""

import re
from collections.abc import Iterator
from typing import Final

from common.phone import mask
from common.spoken import REPEATS, VALUES

_GAP: Final = r"[ \t\u00a0\u2009\u202f.,()/·•_\-\u2010-\u2015\u2212]"
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_CLOCK: Final = r"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_DATE: Final = rf"(?:{_YEAR}-{_MONTH}-{_DAY}{_CLOCK}|{_DAY}[/.-]{_MONTH}[/.-]{_YEAR})(?!\d)"
_AMOUNT: Final = r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}|(?<=[₹$€£])\d{1,9}|(?<=[₹$€£] )\d{1,9})(?:\.\d{1,2})?(?![\d,]?\d)"
_DECIMAL: Final = r"\d{1,6}\.\d{1,3}(?![\d.])"
_ADDRESS: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.])(?::\d{1,5}(?!\d))?"
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_ID: Final = r"(?=\d*[A-Za-z])(?=[A-Za-z]*\d)[0-9A-Za-z]{20,}"
_NUMBER: Final = rf"\+?\d(?:\d|{_GAP}{{1,3}}(?!{_DATE})\+?\d){{6,}}"
_FOUND: Final = re.compile(
    rf"(?P<kept>(?<!\w)(?:{_UUID}|{_ID})|(?<![\d.,])(?:{_DATE}|{_ADDRESS}|{_DECIMAL}))"
    rf"|(?P<amount>(?<![\d.,]){_AMOUNT})|(?P<number>{_NUMBER})"
)
_MOST_OF_AN_AMOUNT: Final = 9  # digits; ten may be a phone number that speech recognition took for an amount

_DIGIT_WORDS: Final = "|".join(
    sorted((*(word for word, digits in VALUES.items() if len(digits) == 1), *REPEATS), key=len, reverse=True)
)
_SPOKEN: Final = re.compile(
    rf"(?<!\w)(?:{_DIGIT_WORDS})(?:[\s,.-]{{1,3}}(?:{_DIGIT_WORDS})){{6,}}(?!\w)", re.IGNORECASE
)
IDS: Final = re.compile(rf"(?<!\w)(?:{_UUID}|{_ID})")
DATES: Final = re.compile(rf"(?<![\d.,]){_DATE}")
"""With IDS: digits that are not a phone number."""


def mask_text(text: str) -> str:
    """`text` with every number of seven or more digits cut to its last four; `***` for one in words."""
    if not any(map(str.isdigit, text)):
        return _SPOKEN.sub("***", text)
    return _SPOKEN.sub("***", _FOUND.sub(_masked, text))


def numbers_in(text: str) -> Iterator[tuple[int, int]]:
    """Where `mask_text` finds numbers in figures: starts and ends, in order."""
    return (found.span() for found in _FOUND.finditer(text) if _is_number(found))


def _masked(found: re.Match[str]) -> str:
    return mask(found[0]) if _is_number(found) else found[0]


def _is_number(found: re.Match[str]) -> bool:
    if found["amount"]:
        return sum(map(str.isdigit, found[0].partition(".")[0])) > _MOST_OF_AN_AMOUNT
    return not found["kept"]
