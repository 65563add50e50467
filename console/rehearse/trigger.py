"""When a rehearsed caller does something, written in words: `silent 2 s`, `agent says ~ opening hours`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FINISHED_MS: Final = 500
"""How long the agent has to be quiet to have finished, where nothing else is said."""
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)")


class Kind(StrEnum):
    """The event to wait for."""

    THEN = "then"
    AT = "at"
    AGENT_SPEAKING = "agent speaking"
    AGENT_FINISHED = "agent finished"
    SILENT = "silent"
    AGENT_SAYS = "agent says"


_DEFAULT_MS: Final = {Kind.AGENT_FINISHED: FINISHED_MS, Kind.AGENT_SPEAKING: 1000, Kind.SILENT: 3000}
EXPECTED: Final = (
    "`then 500 ms` (after the step before), `at 3 s` (after the call's start), `agent speaking 1 s` (to cut in), "
    "`agent finished 500 ms`, `silent 2 s` (nobody speaks), or `agent says ~ REGEX`"
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """`ms` qualifies `kind`; `pattern`: what the agent has to say."""

    kind: Kind
    ms: float = 0.0
    pattern: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, text: str) -> "Trigger":
        """Raises ValueError with the expected format."""
        head, tilde, pattern = text.partition("~")
        words = " ".join(head.split())
        if tilde:
            if words != Kind.AGENT_SAYS or not pattern.strip():
                raise ValueError(f"when = {text!r}: expected {EXPECTED}")
            try:
                return cls(Kind.AGENT_SAYS, pattern=re.compile(pattern.strip(), re.IGNORECASE))
            except re.error as error:
                raise ValueError(f"when = {text!r}: not a regular expression: {error}") from None
        for kind in sorted(Kind, key=len, reverse=True):
            if words == kind or words.startswith(f"{kind} "):
                return cls(kind, _length_ms(text, words.removeprefix(kind).strip(), kind))
        raise ValueError(f"when = {text!r}: expected {EXPECTED}")


def _length_ms(text: str, length: str, kind: Kind) -> float:
    if not length and kind not in {Kind.AT, Kind.AGENT_SAYS}:
        return float(_DEFAULT_MS.get(kind, 0))
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise ValueError(f"when = {text!r}: expected {EXPECTED}")
    return float(found[1]) * (1000 if found[2] == "s" else 1)
