"""Keys that a caller pressed, where a transcript has them in words: what the relay tells agents of them comes back."""

import re
from typing import Final

_SAID: Final = re.compile(r"(\bpressed (?:on the phone's keypad: ?)?)[0-9*#]+")


def without_keys(text: str) -> str:
    """`text` with `***` in the place of the keys."""
    return _SAID.sub(r"\1***", text)
