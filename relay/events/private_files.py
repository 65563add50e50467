"""Files with people's words and numbers: whole or not there at all, and readable by nobody else."""

import os
from pathlib import Path
from typing import Final

_REWRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def put(path: Path, content: bytes) -> int:
    """Write a file anew; returns its size in bytes. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        file = os.open(part, _REWRITE, 0o600)
    except FileNotFoundError:  # the first of its folder; looking for it every time takes longer than writing
        _make_private(path.parent)
        file = os.open(part, _REWRITE, 0o600)
    with open(file, "wb") as rewritten:
        os.fchmod(file, 0o600)  # a folder from an older relay may be readable by all
        rewritten.write(content)
    os.replace(part, path)
    return len(content)


def _make_private(folder: Path) -> None:
    """Create `folder` and missing parents, private to the user."""
    missing = [folder, *folder.parents]
    for one in reversed([one for one in missing if not one.exists()]):
        one.mkdir(mode=0o700, exist_ok=True)
