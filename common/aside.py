"""What the relay tells an agent as the caller, where a vendor takes no other words: marked, to be told from speech."""

from typing import Final

PREFIX: Final = "[Not said by the caller:"


def aside(text: str) -> str:
    """`text` as words of the caller's that are none."""
    return f"{PREFIX} {text}]"


def is_aside(text: str) -> bool:
    """Whether a transcript's words of the caller's are the relay's: vendors give back what they were told."""
    return text.lstrip().startswith(PREFIX)
