"""Hides keys that a caller pressed from transcripts: the relay reports them to agents, and vendors return that text."""

import re
from typing import Final

_SAID: Final = re.compile(r"(\bpressed (?:on the phone's keypad: ?)?)[0-9*#]+")


def without_keys(text: str) -> str:
    """`text` with `***` in place of the keys."""
    return _SAID.sub(r"\1***", text)
