"""A journal of what is done with every number, written to disk before it is done, so that nobody is called twice.

One JSON object per line, appended and fsynced. The history of a number is a chain of lines with the same `mark`:

    intent ──► placed ──► ended           Exotel accepted the order; the call is over
       │  └──► not_placed                 Exotel certainly placed no call
       └─────► unknown ──► placed …       no answer to the order; the call was found later
                      └───► absent        looked up when it had to be listed, and it was not

A process that dies between intent and the next line leaves only an intent, which counts as unknown.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class State(StrEnum):
    """State of a number."""

    NEW = "new"
    UNKNOWN = "unknown"
    PLACED = "placed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Story:
    """The last chain of a number. `intended_at` in seconds since the epoch; `outcome` and `duration_s` once ended."""

    state: State = State.NEW
    mark: str = ""
    intended_at: float = 0.0
    time_limit_s: int = 0
    call_sid: str = ""
    outcome: str = ""
    duration_s: int = 0


class JournalError(ValueError):
    """The journal can't be used: a sentence that names the file and the line."""


_AFTER = {
    "placed": State.PLACED,
    "not_placed": State.NEW,
    "unknown": State.UNKNOWN,
    "absent": State.NEW,
    "ended": State.ENDED,
}
NOBODY = Story()


class Journal:
    """The histories in one file, or in memory only. Created by `open_journal`."""

    def __init__(self, path: Path | None, descriptor: int | None = None, stories: Mapping[str, Story] | None = None):
        self.path = path
        self._file = descriptor
        self._stories = dict(stories or {})
        self._number_of = {story.mark: number for number, story in self._stories.items()}
        self._broken = False

    def story(self, number: str) -> Story:
        """The history of `number`."""
        return self._stories.get(number, NOBODY)

    def intend(self, number: str, mark: str, *, at: float, time_limit_s: int) -> None:
        """On disk when this returns: only then may the order be sent."""
        self._note(at, "intent", mark, number=number, time_limit_s=time_limit_s)

    def note(self, mark: str, what: str, *, at: float, **details: Any) -> None:
        """The outcome of an intent: placed, not_placed, unknown, absent or ended."""
        self._note(at, what, mark, **details)

    def _note(self, at: float, what: str, mark: str, **details: Any) -> None:
        moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        entry = {"at": moment, "what": what, "mark": mark, **details}
        self._write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        _replay(entry, self._stories, self._number_of)

    def _write(self, line: bytes) -> None:
        if self._file is None:
            return
        if self._broken:
            raise JournalError(f"{self.path} could not be written: nothing more is added to it")
        self._broken = True  # until it is on disk: nothing may follow half a line
        if os.write(self._file, line) != len(line):
            raise OSError(f"{self.path}: only part of a line could be written")
        os.fsync(self._file)
        self._broken = False


@contextmanager
def open_journal(path: Path | None) -> Iterator[Journal]:
    """Locked for this process until the block ends. Raises JournalError: in use, unreadable, or not a journal."""
    if path is None:
        yield Journal(None)
        return
    existed = path.exists()
    try:
        # It contains full numbers, so only its owner may read it.
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise JournalError(f"{path} can't be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise JournalError(f"{path} is in use by another process: two would call the same people") from None
        if not existed:
            _sync_folder(path.parent)
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        stories = _read(path, whole)
        if len(whole) < len(text):
            # A line that was being written when the machine died. Nothing was done because of it.
            os.ftruncate(descriptor, len(whole))
            os.fsync(descriptor)
        yield Journal(path, descriptor, stories)
    finally:
        os.close(descriptor)


def read_journal(path: Path | None) -> Journal:
    """To read only, without the lock; new entries stay in memory. Raises JournalError."""
    if path is None or not path.exists():
        return Journal(None)
    text = path.read_bytes()
    return Journal(None, None, _read(path, text[: text.rfind(b"\n") + 1]))


def _read(path: Path, text: bytes) -> dict[str, Story]:
    stories: dict[str, Story] = {}
    number_of: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            _replay(json.loads(line), stories, number_of)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise JournalError(
                f"{path}, line {number}, is not a journal entry: {type(error).__name__}: {error}"
            ) from None
    return stories


def _replay(entry: Mapping[str, Any], stories: dict[str, Story], number_of: dict[str, str]) -> None:
    """Apply one line. Raises KeyError for a line that follows from nothing."""
    what, mark = entry["what"], entry["mark"]
    if what == "intent":
        at = datetime.fromisoformat(entry["at"]).timestamp()
        stories[entry["number"]] = Story(State.UNKNOWN, mark, at, int(entry["time_limit_s"]))
        number_of[mark] = entry["number"]
        return
    number = number_of[mark]
    story = replace(stories[number], state=_AFTER[what])
    if what == "placed":
        story = replace(story, call_sid=entry["call_sid"])
    elif what == "ended":
        story = replace(story, outcome=entry["outcome"], duration_s=int(entry["duration_s"]))
    stories[number] = story


def _sync_folder(folder: Path) -> None:
    """A new file survives a power cut only once its folder is on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
