"""A terminal in front of a command that runs in this process, with what a person will have typed into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The standard input is a real terminal as long as the block lasts. `text`: lines, each with its end; "\\x04" ends
    the input."""
    keyboard, screen = os.openpty()
    os.write(keyboard, text.encode())
    try:
        with open(screen, encoding="utf-8") as stdin, monkeypatch.context() as patched:
            patched.setattr("sys.stdin", stdin)
            yield
    finally:
        os.close(keyboard)
