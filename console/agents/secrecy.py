"""Finds texts in an agents' file that look like secrets: the file is stored, shown and sent in plain text."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_KEY: Final = r"(?:authorization|cookie|token|secret|password|passwd|credential|api[-_]?key|basic[-_]?auth)"
_NAMED: Final = re.compile(_KEY, re.IGNORECASE)
_LOOKS: Final = re.compile(
    r"\b(?:sk-|sk_|xai-|AIza|ghp_|xox[abp]-|eyJ)[A-Za-z0-9._-]{16,}|(?<=://)[^/\s:@\"']+:[^/\s@\"']+(?=@)"
)
_VARIABLE: Final = "${"
_LINE: Final = re.compile(
    rf"""(?P<head>[\w."'-]*{_KEY}[\w."'-]*\s*=\s*)(?P<value>\"\"\".*|'''.*|"(?:[^"\\]|\\.)*"?|'[^']*'?)""",
    re.IGNORECASE,
)
HIDDEN: Final = "(hidden)"


def plain_secrets(entries: Iterable[tuple[tuple[str, ...], str]]) -> Iterator[str]:
    """A sentence for each text that looks like a secret; `entries`: the keys that lead to a text, and the text."""
    for path, text in entries:
        if _VARIABLE in text or not text:
            continue
        key, above = path[-1], path[-2] if len(path) > 1 else ""
        by_name = _NAMED.search(key) and not key.endswith("_env") and above != "headers_env"
        if by_name or _LOOKS.search(text):
            advice = "use a variable of the relay instead: ${NAME} in headers, or an option that ends in _env"
            yield f"{'.'.join(path)} seems to hold a secret: {advice}"


def without_secrets(line: str) -> str:
    """A line of the file, safe to show."""

    def hide(found: re.Match[str]) -> str:
        name, value = found["head"].split("=")[0].strip(" \"'"), found["value"]
        return found[0] if _VARIABLE in value or name.endswith("_env") else f'{found["head"]}"{HIDDEN}"'

    return _LOOKS.sub(HIDDEN, _LINE.sub(hide, line))
