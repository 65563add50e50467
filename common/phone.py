"""Phone numbers in Exotel's spellings, and as they may appear in a log.

The same caller is `09876500001` on the socket, `+919876500001` in one callback and `919876500001` in the next
(exotel.md 6), so numbers are compared and dialled in E.164 only.
"""

import re

from common.text import ascii_digits

_NOT_DIGITS = re.compile(r"[^0-9]+")
_LETTERS = re.compile(r"[^\W\d_]|[#*;,]")
_LONG = re.compile(r"\+?\d{8,15}")
# Toll-free numbers (1800…) are dialled nationally and have no safe E.164 form; some are ten digits long (exotel.md 6).
_TOLL_FREE = re.compile(r"^0?1800[0-9]{6,7}$")


def to_e164(number: str | None) -> str | None:
    """`number` as E.164, from any Indian spelling or an international one with `+`; None if that is not safe.

    Digits may be of any script. Text with letters is refused: in "+44 20 7946 0000 ext 12" the digits alone are another
    number.
    """
    if not number or _LETTERS.search(number):
        return None
    text = ascii_digits(number).strip()
    digits = _NOT_DIGITS.sub("", text)
    international = text.startswith("+")
    if digits.startswith("00") and not international:
        digits, international = digits[2:], True
    if not international and _TOLL_FREE.match(digits):
        return None
    if international and not digits.startswith("91"):
        return f"+{digits}" if 9 <= len(digits) <= 15 and not digits.startswith("0") else None
    if len(digits) == 10:
        national = digits
    elif len(digits) == 11 and digits.startswith("0"):
        national = digits[1:]
    elif len(digits) == 12 and digits.startswith("91"):
        national = digits[2:]
    elif len(digits) == 13 and digits.startswith("091"):
        national = digits[3:]
    else:
        return None
    return None if national.startswith("0") else f"+91{national}"


def mask_within(text: str) -> str:
    """`text` with everything masked that could be a phone number; for texts from outside, such as exceptions."""
    return _LONG.sub(lambda found: mask(found[0]), text)


def mask(number: str | None) -> str:
    """`number` with only its last four digits visible: the only form in which a number may be logged."""
    digits = _NOT_DIGITS.sub("", ascii_digits(number or ""))
    if not digits:
        return "unknown"
    return f"***{digits[-4:]}" if len(digits) > 4 else "***"
