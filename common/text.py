"""Text that people write, in any script: comparing spellings, and reading digits that are not Latin."""

import unicodedata

_KEPT = frozenset("LMN")  # letters, their marks (vowel signs are letters to people who write them) and digits


def spelling(name: str) -> str:
    """`Team 1`, `team-1` and `TEAM१` are the same word; मदद and मुद्दे are two."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = "".join(letter for letter in plain if unicodedata.category(letter)[0] in _KEPT)
    return ascii_digits(unicodedata.normalize("NFKC", kept))


def ascii_digits(text: str) -> str:
    """`text` with the decimal digits of every script as 0 to 9: ९८ is 98."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
