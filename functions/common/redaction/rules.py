"""Finds card numbers, passwords and the like in a text, and removes them.

Each rule sees the text that the rules before it left. A run of digits is a find if its check digit fits, or if a word
near it says what it is ("card", "आधार", "OTP"). That word may also stand in what was said just before (`before`), for
instance when an agent asks. docs/privacy.md says how much is found, and what is not.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.masking import DATES, IDS, numbers_in
from common.phone import mask
from common.spoken import TENS, VALUES, Run, digits_of, runs
from functions.common.redaction.checksums import luhn, verhoeff

LONGEST: Final = 100_000
"""Characters of a text that are looked at; what a longer one has beyond is not kept."""


class Rule(StrEnum):
    """Kinds of finds, as `REDACT` names them."""

    PAN = "pan"
    EMAIL = "email"
    CARD = "card"
    AADHAAR = "aadhaar"
    OTP = "otp"
    PHONE = "phone"


Rules = frozenset[Rule]
ALL: Final[Rules] = frozenset(Rule)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A find: `text[start:end]`, and the rule that found it."""

    start: int
    end: int
    rule: Rule


_NEAR, _BEHIND = 60, 30  # the word that names a run may stand this many characters before or after it
_FOUND: Final = "\ue000"  # replaces what an earlier rule has found
_CARD_LENGTHS: Final = range(13, 20)

_CARD_WORDS: Final = re.compile(r"\b(?:cards?|visa|master ?card|rupay|amex|maestro)\b|कार्ड|रुपे", re.I)
_CVV_WORDS: Final = re.compile(r"\b(?:cvv2?|cvc2?|security code)\b|सीवीवी", re.I)
_AADHAAR_WORDS: Final = re.compile(r"\b(?:aa?dha+r|adhar|uidai|uid|vid)\b|आधार", re.I)
_OTP_WORDS: Final = re.compile(
    r"\b(?:otp|o\.t\.p|one[- ]time (?:password|pass ?code|code|pin)"
    r"|(?:verification|security|confirmation|login|sms) (?:code|number)|pass ?code"
    r"|(?:upi|atm|m|card|secret)[- ]?pin|(?:my|your|the|new|old) pin(?! ?code))\b"
    r"|ओटीपी|ओ टी पी|पासकोड|यूपीआई पिन|एटीएम पिन|वेरिफिकेशन कोड",
    re.I,
)
_MONEY: Final = re.compile(r"(?:[₹$€£]|\b(?:rs|inr|rupees)\b\.?|रुपये)\s*$", re.I)
_UNIT: Final = re.compile(
    r"\s*(?:%|rupees?\b|rs\b|inr\b|lakhs?\b|crores?\b|रुपये|minutes?\b|seconds?\b|hours?\b|days?\b|मिनट)", re.I
)

_MAIL_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_%+'-]|\.(?=[A-Za-z0-9_%+-])){0,63}"
_PART: Final = r"(?:[^\W_]|[\u0900-\u0903\u093a-\u094f]){1,40}"
_NO_NAME: Final = r"(?!(?:look(?:ed|ing)?|is|are|am|was|were|be|it|me|us|you|him|her|them|bought|seen|page|shop)\s)"
_NUMERAL: Final = rf"(?:\d{{1,8}}|{'|'.join(re.escape(word) for word in (*VALUES, *TENS))})"
_DOT: Final = r"(?:\s?\.\s?|\s(?:dot|डॉट|डाट)\s)"
_AT: Final = re.compile(r"@|\sat\s|\s(?:एट|ऐट)\s", re.I)
_EMAIL: Final = re.compile(
    rf"(?<![A-Za-z0-9._%+-]){_MAIL_NAME} ?@ ?"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,4}[A-Za-z]{2,24}(?![A-Za-z0-9])"
    rf"|(?<![A-Za-z0-9._%+-]){_MAIL_NAME}@[A-Za-z]{{2,24}}(?![A-Za-z0-9])"  # a UPI id has no domain
    rf"|(?<!\w)(?:{_NO_NAME}{_PART}|(?:[A-Za-z] ){{2,20}}[A-Za-z])(?:\s{_NUMERAL}(?!\w)){{0,6}}"
    rf"(?:(?:{_DOT}|\s(?:underscore|dash|hyphen|अंडरस्कोर)\s|[_-]){_PART}){{0,5}}"
    rf"\s(?:at the rate(?: of)?|at|एट द रेट|एट|ऐट|@)\s{_PART}(?:{_DOT}{_PART}){{0,2}}"
    rf"{_DOT}(?:com|in|org|net|co|edu|gov|io|info|कॉम|इन|ओआरजी)(?!\w)",
    re.I,
)
_HOLDER: Final = "[ABCFGHJLPT]"  # a PAN's fourth letter says what kind of person has it
_PAN: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?i:[A-Z]{{3}}{_HOLDER}[A-Z]\d{{4}}[A-Z])"
    rf"|[A-Z]{{3}}{_HOLDER}[A-Z][\s-]{{0,2}}\d{{4}}[\s-]{{0,2}}[A-Z])(?![A-Za-z0-9])"
)
_SPELLED_BEGIN: Final = re.compile(
    rf"(?<![^\W_])(?<!['’])[A-Z](?:[\s.,-]{{1,3}}[A-Z]){{2}}[\s.,-]{{1,3}}{_HOLDER}[\s.,-]{{1,3}}[A-Z][\s.,-]{{1,3}}",
    re.I,
)
_SPELLED_END: Final = re.compile(r"[\s.,-]{0,3}[A-Z](?![^\W_])", re.I)


def find(text: str, rules: Rules = ALL, before: str = "") -> list[Span]:
    """What `rules` find in `text`, in order; no two overlap. `before`: what was said just before."""
    text = text[:LONGEST]
    left = IDS.sub(lambda found: "\ue001" * len(found[0]), text)
    found: list[Span] = []
    for rule in Rule:
        if rule in rules:
            news = [Span(start, end, rule) for start, end in _FINDERS[rule](left, before)]
            left = _without(left, news)
            found += news
    return sorted(found)


def redact(text: str, rules: Rules, before: str = "") -> str:
    """`text` with `[card]`, `[otp]` … in place of each find; a phone number keeps its last four digits."""
    if not rules or not text:
        return text
    parts, reached = [], 0
    for span in find(text, rules, before):
        parts += [text[reached : span.start], _instead(text[span.start : span.end], span.rule)]
        reached = span.end
    return "".join(parts) + text[reached:LONGEST]


def _without(text: str, spans: list[Span]) -> str:
    """`text` with `spans` blanked, of the same length."""
    parts, reached = [], 0
    for span in spans:
        parts += [text[reached : span.start], _FOUND * (span.end - span.start)]
        reached = span.end
    return "".join(parts) + text[reached:]


def _instead(found: str, rule: Rule) -> str:
    if rule is not Rule.PHONE:
        return f"[{rule}]"
    return mask(found) if sum(map(str.isdigit, found)) >= 7 else "***"


def _pans(text: str, _: str) -> Iterator[tuple[int, int]]:
    yield from (found.span() for found in _PAN.finditer(text))
    by_start = {run[0].start: run for run in runs(text)}
    for begun in _SPELLED_BEGIN.finditer(text):
        run = by_start.get(begun.end())
        if run and len(digits_of(run)) == 4 and (ended := _SPELLED_END.match(text, run[-1].end)):
            yield begun.start(), ended.end()


def _emails(text: str, _: str) -> Iterator[tuple[int, int]]:
    if _AT.search(text):  # most texts have none
        yield from (found.span() for found in _EMAIL.finditer(text))


def _cards(text: str, before: str) -> Iterator[tuple[int, int]]:
    for run in runs(text):
        named = _is_named(_CARD_WORDS, text, run, before)
        taken = 0
        for first, last in _windows(run, _CARD_LENGTHS):
            digits = digits_of(run[first:last])
            if first >= taken and ((digits[0] in "234568" and luhn(digits)) or (named and last - first == len(run))):
                yield run[first].start, run[last - 1].end
                taken = last
        if not taken and len(digits_of(run)) in {3, 4} and _is_named(_CVV_WORDS, text, run, before):
            yield run[0].start, run[-1].end


def _aadhaars(text: str, before: str) -> Iterator[tuple[int, int]]:
    for run in runs(text):
        named = _is_named(_AADHAAR_WORDS, text, run, before)
        for part in _parts(run):
            digits = digits_of(part)
            if digits[0] in "01" or len(digits) not in ({12, 16} if named else {12}):
                continue
            in_fours = [len(token.digits) for token in part] == [4, 4, 4]
            dialled = digits.startswith("91") and digits[2] in "6789" and not in_fours
            if named or (verhoeff(digits) and not dialled and text[part[0].start - 1 : part[0].start] != "+"):
                yield part[0].start, part[-1].end
                break


def _otps(text: str, before: str) -> Iterator[tuple[int, int]]:
    dates = [found.span() for found in DATES.finditer(text)]
    for run in runs(text):
        if not _is_named(_OTP_WORDS, text, run, before, behind=True):
            continue
        for part in _parts(run):
            start, end = part[0].start, part[-1].end
            amount = _MONEY.search(text, max(0, start - 12), start) or _UNIT.match(text, end)
            if 4 <= len(digits_of(part)) <= 8 and not amount and not any(a <= start < b for a, b in dates):
                yield start, end
                break


def _phones(text: str, _: str) -> Iterator[tuple[int, int]]:
    """Numbers in figures, found the same way as for logs (common.masking), and numbers with words in them."""
    reached = 0
    spans = ((run[0].start, run[-1].end) for run in runs(text) if len(digits_of(run)) >= 7)
    spoken = [(start, end) for start, end in spans if any(map(str.isalpha, text[start:end]))]
    for start, end in sorted([*spoken, *numbers_in(text)], key=lambda span: (span[0], -span[1])):
        if start >= reached:
            yield start, end
            reached = end


_FINDERS: Final[Mapping[Rule, Callable[[str, str], Iterator[tuple[int, int]]]]] = {
    Rule.PAN: _pans,
    Rule.EMAIL: _emails,
    Rule.CARD: _cards,
    Rule.AADHAAR: _aadhaars,
    Rule.OTP: _otps,
    Rule.PHONE: _phones,
}


def _is_named(words: re.Pattern[str], text: str, run: Run, before: str, *, behind: bool = False) -> bool:
    """Whether one of `words` stands near the run, or in `before` if the text begins with the run."""
    start, end = run[0].start, run[-1].end
    near = f"{before} {text[:start]}" if start < _NEAR else text[start - _NEAR : start]
    return bool(words.search(near) or (behind and words.search(text[end : end + _BEHIND])))


def _windows(run: Run, lengths: range) -> Iterator[tuple[int, int]]:
    """Tokens [first, last) that together have so many digits; for each first, the longest first."""
    for first in range(len(run)):
        digits, fitting = 0, []
        for last in range(first, len(run)):
            digits += len(run[last].digits)
            if digits >= lengths.stop:
                break
            if digits in lengths:
                fitting.append((first, last + 1))
        yield from reversed(fitting)


def _parts(run: Run) -> Iterator[Run]:
    """The whole run; then its parts between commas."""
    yield run
    breaks = [index for index, token in enumerate(run) if token.strong]
    if breaks:
        edges = [0, *breaks, len(run)]
        yield from (run[first:last] for first, last in zip(edges, edges[1:], strict=False))
