"""The difference between two versions of the agents, for people."""

import difflib
from collections.abc import Iterator, Mapping

from common.agent_version import File
from console.agents.secrecy import without_secrets


def difference(
    old: tuple[str, Mapping[str, File]], new: tuple[str, Mapping[str, File]], names: tuple[str, str]
) -> list[str]:
    """Lines: a unified diff of the texts without secrets, then the sounds. Empty if they are the same."""
    before, after = ([without_secrets(line) for line in text.splitlines()] for text, _ in (old, new))
    lines = list(difflib.unified_diff(before, after, *names, lineterm=""))
    if old[0] != new[0] and not lines:
        lines = ["(the text differs only in parts that are not shown: a secret, or line endings)"]
    return [*lines, *_sounds(old[1], new[1])]


def _sounds(old: Mapping[str, File], new: Mapping[str, File]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        match old.get(name), new.get(name):
            case None, File(size=size):
                yield f"+ {name} ({_size(size)})"
            case File(size=size), None:
                yield f"- {name} ({_size(size)})"
            case File(size=was), File(size=size) if old[name] != new[name]:
                yield f"! {name} is another sound ({_size(was)}, now {_size(size)})"


def _size(size: int) -> str:
    return f"{size / 1024:.0f} KiB" if size >= 1024 else f"{size} bytes"
