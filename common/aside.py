"""Notes to an agent, sent as the caller's words to vendors that offer no other way, and marked as notes."""

from typing import Final

PREFIX: Final = "[Not said by the caller:"


def aside(text: str) -> str:
    """`text` as a note."""
    return f"{PREFIX} {text}]"


def is_aside(text: str) -> bool:
    """Whether the caller's words in a transcript are a note of the relay: vendors return them in their transcripts."""
    return text.lstrip().startswith(PREFIX)
