"""One version of the agents' file, as the store keeps it and as relays get it: its text, its sounds, its name.

A version's name has a number, which gives the order, and a digest of its content: `7-3fa9c1d02b6e`. Sounds are stored
by their hash, under the names that the text uses, so a version that changes a word doesn't store them again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from common.documents import Document, decode, encode, text

LARGEST_TEXT = 256 * 1024  # bytes
LARGEST_FILE = 4 * 1024 * 1024  # a Lambda's answer has at most 6 MB, and base64 adds a third
LARGEST_IN_ALL = 16 * 1024 * 1024
MOST_FILES = 32
LONGEST_NAME = 200

_NAME = re.compile(r"(\d{1,9})-([0-9a-f]{12})")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class VersionError(ValueError):
    """The version can't be used; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class File:
    """A sound: the hash of its content, and its size in bytes."""

    sha256: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> "File":
        """The File for `content`."""
        return cls(sha256(content).hexdigest(), len(content))


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """`text`: the agents' file. `files`: its sounds by the names in `text`. `by`, `at`, `note`: of its push."""

    number: int
    text: str
    files: Mapping[str, File]
    by: str = ""
    at: str = ""
    note: str = ""

    @property
    def digest(self) -> str:
        """Digest of the content alone: the same content has the same digest, regardless of who pushed it."""
        files = {name: file.sha256 for name, file in sorted(self.files.items())}
        return sha256(encode({"agents": self.text, "files": files})).hexdigest()[:12]

    @property
    def name(self) -> str:
        """`NUMBER-DIGEST`."""
        return f"{self.number}-{self.digest}"

    def check(self) -> None:
        """Raises VersionError if it is larger than a limit."""
        if len(self.text.encode()) > LARGEST_TEXT:
            raise VersionError(f"the agents' file: expected {LARGEST_TEXT} bytes at most")
        if len(self.files) > MOST_FILES:
            raise VersionError(f"sounds: expected {MOST_FILES} files at most, got {len(self.files)}")
        for name, file in self.files.items():
            if not 0 < len(name) <= LONGEST_NAME or not _DIGEST.fullmatch(file.sha256):
                raise VersionError(f"sound {name[:LONGEST_NAME]!r}: expected a name and the SHA-256 of its content")
            if not 0 < file.size <= LARGEST_FILE:
                expected = f"expected 1 to {LARGEST_FILE} bytes, got {file.size}"
                raise VersionError(f"sound {name}: {expected}; FLAC, or WAV of one channel at 16 kHz, is smaller")
        if (size := sum(file.size for file in self.files.values())) > LARGEST_IN_ALL:
            raise VersionError(f"sounds: expected {LARGEST_IN_ALL} bytes at most together, got {size}")

    def encoded(self) -> bytes:
        """As it is stored and sent."""
        files = {name: {"sha256": file.sha256, "size": file.size} for name, file in sorted(self.files.items())}
        told = {"by": self.by, "at": self.at, "note": self.note}
        return encode({"version": self.name, "number": self.number, "agents": self.text, "files": files, **told})

    @classmethod
    def decoded(cls, body: bytes) -> "AgentVersion":
        """The version in `content`. Raises VersionError, also if its name doesn't match its content."""
        try:
            document = decode(body)
        except ValueError as problem:
            raise VersionError(f"a version of the agents' file can't be read: {problem}") from None
        number, agents = document.get("number"), document.get("agents")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**9:
            raise VersionError("a version of the agents' file: expected a number")
        if not isinstance(agents, str):
            raise VersionError(f"version {number}: expected the text of the agents' file")
        told = {name: text(document, name) for name in ("by", "at", "note")}
        version = cls(number, agents, _files(number, document), **told)
        version.check()
        if text(document, "version") != version.name:
            raise VersionError(f"version {number}: its content belongs to {version.name}")
        return version


def _files(number: int, document: Document) -> dict[str, File]:
    listed: Any = document.get("files", {})
    files = {}
    for name, entry in listed.items() if isinstance(listed, dict) else ():
        match entry:
            case {"sha256": str(digest), "size": int(size)}:
                files[name] = File(digest, size)
            case _:
                raise VersionError(f"version {number}: expected sha256 and size of {name[:LONGEST_NAME]!r}")
    return files


def number_of(name: str) -> int | None:
    """The number in `name`, which may be the number alone; None if it is not a name of a version."""
    found = _NAME.fullmatch(name)
    if found:
        return int(found[1])
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 9 else None


def is_name(name: object) -> bool:
    """Whether `name` could be a version's name."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def is_digest(name: object) -> bool:
    """Whether `text` could be the name of a stored file."""
    return isinstance(name, str) and bool(_DIGEST.fullmatch(name))
