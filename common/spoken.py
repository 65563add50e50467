"""Digits as people say them and speech recognition writes them: figures of any script, words of English and Hindi.

"98765 four three two one zero", "double nine", "forty one", "नौ आठ सात", "nau aath saat", "अट्ठानवे": one after the
other they form a run of digits. Any other word ends the run.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from common.text import ascii_digits

_ENGLISH: Final = (
    "zero nought oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen"
)
_TENS: Final = "||twenty|thirty|forty fourty|fifty|sixty|seventy|eighty|ninety"
_HINDI: Final = (
    "शून्य ज़ीरो जीरो|एक वन|दो टू|तीन थ्री|चार फोर फ़ोर|पांच पाँच पाच फाइव फ़ाइव|छह छः छे छ सिक्स|सात सेवन|आठ एट|नौ नाइन|"
    "दस|ग्यारह|बारह|तेरह|चौदह|पंद्रह पन्द्रह|सोलह|सत्रह|अठारह अट्ठारह|उन्नीस|बीस|इक्कीस|बाईस बाइस|तेईस तेइस|चौबीस|पच्चीस|छब्बीस|"
    "सत्ताईस सत्ताइस|अट्ठाईस अट्ठाइस|उनतीस उन्तीस|तीस|इकतीस इकत्तीस|बत्तीस|तैंतीस|चौंतीस|पैंतीस|छत्तीस|सैंतीस|अड़तीस|उनतालीस|चालीस|"
    "इकतालीस|बयालीस|तैंतालीस|चौवालीस चवालीस|पैंतालीस|छियालीस|सैंतालीस|अड़तालीस|उनचास|पचास|इक्यावन|बावन|तिरपन|चौवन|पचपन|छप्पन|"
    "सत्तावन|अट्ठावन अठावन|उनसठ|साठ|इकसठ|बासठ|तिरसठ|चौंसठ|पैंसठ|छियासठ|सड़सठ|अड़सठ|उनहत्तर|सत्तर|इकहत्तर|बहत्तर|तिहत्तर|चौहत्तर|"
    "पचहत्तर|छिहत्तर|सतहत्तर|अठहत्तर|उन्यासी उनासी|अस्सी|इक्यासी|बयासी|तिरासी|चौरासी|पचासी|छियासी|सत्तासी सतासी|"
    "अट्ठासी अठासी|नवासी|नब्बे|इक्यानवे इक्यानबे|बानवे बानबे|तिरानवे तिरानबे|चौरानवे चौरानबे|"
    "पचानवे पंचानवे|छियानवे|सत्तानवे|अट्ठानवे अठानवे|निन्यानवे"
)
_ROMAN_HINDI: Final = (
    "shunya shoonya|ek|do|teen|char chaar|paanch panch|chhe chhah chah cheh|saat|aath aat|nau|das|gyarah|barah|terah"
)
REPEATS: Final = MappingProxyType({"double": 2, "triple": 3, "डबल": 2, "ट्रिपल": 3})
"""Word → how often the next digit is meant."""
_FILLERS: Final = frozenset(("uh", "um", "umm", "er", "dash", "hyphen", "space", "डैश"))


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


def _vocabulary(*tables: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for table in tables:
        for value, words in enumerate(table.split("|")):
            found |= {_plain(word): str(value) for word in words.split()}
    return MappingProxyType(found)


VALUES: Final = _vocabulary(_ENGLISH, _HINDI, _ROMAN_HINDI)
"""Word, casefolded → the digits it stands for."""
TENS: Final = _vocabulary(_TENS)
"""Likewise of twenty to ninety in English, which another digit may follow: the first digit alone."""

# Letters with their vowel signs: \w leaves these out. The joiners stand inside words of Hindi.
_WORD: Final = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u200c\u200d])+"
_TOKEN: Final = re.compile(rf"\d+|{_WORD}")
_GAP: Final = re.compile(r"[\s.,:;()/·•_'\-\u00a0\u2009\u202f\u2010-\u2015\u2212]{0,3}")
_STRONG: Final = re.compile(r"[,.;:\n]")


@dataclass(frozen=True, slots=True)
class Token:
    """Part of a run. `spoken`: it is a word; `strong`: it follows a comma, a full stop or a new line."""

    start: int
    end: int
    digits: str
    spoken: bool
    strong: bool


Run = list[Token]
"""Tokens that stand one after the other; at least one."""


def digits_of(run: Run) -> str:
    """The digits of a run, in ASCII."""
    return "".join(token.digits for token in run)


def runs(text: str) -> Iterator[Run]:
    """The runs of digits in `text`, in order. A figure next to a letter, `_` or `*` is part of a name and left out."""
    run: Run = []
    repeat: tuple[int, int] | None = None  # times, where the word stands
    ten = ""
    reached = 0  # the end of what belongs to the run, fillers included
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        word = _plain(found[0])
        if (run or repeat) and not _GAP.fullmatch(text, reached, start):
            yield from _ended(run)
            run, repeat, ten = [], None, ""
        strong = bool(run and _STRONG.search(text, reached, start))
        if word in REPEATS:
            repeat, ten, reached = (REPEATS[word], start), "", end
            continue
        value, spoken = VALUES.get(word, ""), True
        if not value and word in TENS:
            value = f"{TENS[word]}0"
        elif found[0][0].isdigit():
            value, spoken = "" if _in_a_name(text, start, end) else ascii_digits(found[0]), False
        if not value or not value.isdecimal():
            if word not in _FILLERS or not run:
                yield from _ended(run)
                run = []
            repeat, ten, reached = None, "", end
            continue
        if ten and len(value) == 1 and spoken and value != "0":  # forty one
            value, start = ten + value, run.pop().start
        ten = TENS.get(word, "")
        if repeat:
            value, start, repeat = value * repeat[0], repeat[1], None
        run.append(Token(start, end, value, spoken, strong))
        reached = end
    yield from _ended(run)


def _ended(run: Run) -> Iterator[Run]:
    if run:
        yield run


def _in_a_name(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return before in {"_", "*"} or after == "_" or (before.isascii() and before.isalpha()) or after.isalpha()
