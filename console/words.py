"""Words for people: counts with the right plural, names of states as words, commands that run as they are printed."""

import shlex


def counted(number: float, noun: str, plural: str = "") -> str:
    """`1 call`, `2 calls`, `1,000 calls`. `plural`: where it is not the noun with an s."""
    said = f"{number:,.0f}" if float(number).is_integer() else f"{number:,g}"
    return f"{said} {noun if number == 1 else plural or f'{noun}s'}"


def named(word: str) -> str:
    """A value of the product's as words: `no_answer` → `no answer`."""
    return word.replace("_", " ")


def make(target: str, **variables: str) -> str:
    """A command of this repository's, to be pasted into a shell at its root."""
    return shlex.join(["make", target]) + "".join(f" {name}={shlex.quote(value)}" for name, value in variables.items())
