"""Words for people: counts with the right plural, names of states, commands that can be pasted."""

import shlex


def counted(number: float, noun: str, plural: str = "") -> str:
    """`1 call`, `2 calls`, `1,000 calls`. `plural`: if it is not the noun with an s."""
    said = f"{number:,.0f}" if float(number).is_integer() else f"{number:,g}"
    return f"{said} {noun if number == 1 else plural or f'{noun}s'}"


def named(word: str) -> str:
    """An identifier as words: `no_answer` → `no answer`."""
    return word.replace("_", " ")


def make(target: str, **variables: str) -> str:
    """A command for a shell at the repository's root."""
    return shlex.join(["make", target]) + "".join(f" {name}={shlex.quote(value)}" for name, value in variables.items())
