"""Spoken numbers, in English and Hindi, as digits: "double nine eight", "fifteen hundred", "पाँच सौ".

A number can be said in several ways, so a run of number words is read in all of them: digit by digit ("nine eight" is
98), and as a quantity ("nine hundred eight" is 908).
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_NUKTA: Final = "\u093c"


def _plain(word: str) -> str:
    """One spelling for words with several."""
    return unicodedata.normalize("NFD", word.casefold()).replace(_NUKTA, "").replace("ँ", "ं")


_KNOWN: Final = tomllib.loads((Path(__file__).parent / "numbers.toml").read_text(encoding="utf-8"))
_TENS: Final[Mapping[str, int]] = {word: 10 * at for at, word in enumerate(_KNOWN["tens"].split(), 2)}
_SMALL: Final[Mapping[str, int]] = {
    **{_plain(word): value for value, word in enumerate(_KNOWN["hindi"].split())},
    **{word: value for value, word in enumerate(_KNOWN["english"].split())},
    **{_plain(word): value for word, value in _KNOWN["other_spellings"].items()},
    **_TENS,
}
_LARGE: Final[Mapping[str, int]] = {_plain(word): value for word, value in _KNOWN["large"].items()}
_TIMES: Final[Mapping[str, int]] = {_plain(word): value for word, value in _KNOWN["times"].items()}
_HUNDREDS: Final = {word for word, value in _LARGE.items() if value == 100}


def says(text: str, figure: str) -> bool:
    """Whether `figure` is read out in `text`, in digits or words, in any grouping."""
    wanted = digits(figure)
    return bool(wanted) and any(_within(wanted, found) for found in readings(text))


def digits(text: str) -> str:
    """The digits of any script in `text`, as ASCII."""
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def readings(text: str) -> Iterator[str]:
    """Each run of numbers in `text`, as digits, in every possible reading."""
    run: list[str] = []
    for token in (*_tokens(text), ""):
        if token and (token[0].isdecimal() or token in _SMALL or token in _LARGE or token in _TIMES):
            run.append(token)
        elif token in {"and", "point"} and run:
            continue
        elif run:
            yield from dict.fromkeys((_one_by_one(run), _as_quantity(run)))
            run = []


def _within(wanted: str, found: str) -> bool:
    """A short figure must be the whole number: 1500 does not contain 15."""
    return wanted == found or (len(wanted) >= 6 and wanted in found)


def _tokens(text: str) -> Iterator[str]:
    # 1,24,999.00 is one number; letters of Indian scripts include their vowel signs
    joined = re.sub(r"(?<=\d)[,\u00a0](?=\d)", "", text)
    joined = re.sub(r"(?<=\d)\.0+(?!\d)", "", joined)
    for word in re.findall(r"\d+|[^\W\d_](?:[^\W\d_]|[\u0900-\u0903\u093a-\u094f])*", joined):
        yield digits(word) if word[0].isdecimal() else _plain(word)


def _one_by_one(run: list[str]) -> str:
    """ "nine eight double seven" as 9877; "twenty four" as 24."""
    found, times = "", 1
    tens = 0
    for token in run:
        if token in _TIMES:
            times = _TIMES[token]
            continue
        if token in _LARGE:
            part = str(_LARGE[token])[1:]
        elif token[0].isdecimal():
            part = token
        else:
            value = _SMALL[token]
            if tens and 0 < value < 10 and times == 1:
                found, part = found[: -len(str(tens))], str(tens + value)
            else:
                part = str(value)
        found += part * times
        tens = _SMALL.get(token, 0) if token in _TENS and times == 1 else 0
        times = 1
    return found


def _as_quantity(run: list[str]) -> str:
    """ "one lakh twenty four thousand" as 124000; "fifteen hundred" as 1500."""
    total, part = 0, 0
    for token in run:
        if token in _TIMES:
            return ""
        if token in _HUNDREDS:
            part = (part or 1) * 100
        elif token in _LARGE:
            total += (part or 1) * _LARGE[token]
            part = 0
        else:
            part += int(token) if token[0].isdecimal() else _SMALL[token]
    return str(total + part)
