"""Copies of the working tree in which make mutants breaks lines: the files that you work on are never touched."""

import hashlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PARTS: Final = ("relay", "functions", "common")
"""Whose lines are broken."""
MEASURED: Final = ("common", "console", "functions", "pyproject.toml", "relay", "requirements", "sim", "tests")
"""What decides which test runs which line."""
LINKED: Final = (".cache", ".venv")
"""Not copied: what tests find their tools in."""


def files(root: Path) -> list[Path]:
    """The files of a working tree, as git knows them and as they stand now, uncommitted ones included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted(root / name for name in set(listed) if name and (root / name).is_file())


def key(root: Path) -> str:
    """A name for the contents of the code and its tests: what was measured on them needn't be measured again."""
    digest = hashlib.sha256()
    for path in files(root):
        if path.relative_to(root).parts[0] in MEASURED:
            digest.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def copy(root: Path, target: Path) -> None:
    """Make `target` a copy of the tree at `root`, file times included, with links to its environments.

    What Python has compiled in an earlier copy is kept.
    """
    wanted = {target / path.relative_to(root): path for path in files(root)}
    if target.exists():
        for place in files(target):
            if place not in wanted:
                place.unlink()
    for place, path in wanted.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        shutil.copy2(path, place, follow_symlinks=False)
    for name in LINKED:
        if (root / name).exists() and not (target / name).exists():
            (target / name).symlink_to((root / name).resolve())
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    (target / ".git" / "info" / "exclude").write_text("".join(f"/{name}\n" for name in LINKED))
    subprocess.run(["git", "add", "--all"], cwd=target, check=True)


_stamps = itertools.count(1)


@contextmanager
def breaking(path: Path, text: str) -> Iterator[None]:
    """The file with this text; afterwards as it was.

    Python knows what it has compiled by the file's time in whole seconds and its length: each text gets another time.
    """
    before, at = path.read_text(encoding="utf-8"), int(path.stat().st_mtime)
    _write(path, text, at - next(_stamps))
    try:
        yield
    finally:
        _write(path, before, at)


def _write(path: Path, text: str, stamp: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (stamp, stamp))
