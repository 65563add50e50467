"""The versions of the agents' file in the store: list them, read the current one, push a new one, roll back.

    config/agents/current.json      the current version, and the moves that led to it; compare-and-swap
                  versions/         every version that was pushed, created once
                  files/            their sounds, named by the hash of their content, created once
                  seed.toml         the agents' file before the first push

A push creates the files, then the version, then moves `current.json` to it. A process that dies before the last step
leaves a version that nobody uses. A rollback moves `current.json` to an earlier version. When two people move it at the
same time, one succeeds and the other gets an error that says who was first.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common import layout
from common.agent_version import AgentVersion, File, VersionError, number_of
from common.documents import Document, decode, encode, objects, text
from common.times import rfc3339
from functions.common.store import Store, StoreError

MOVES_KEPT = 200
LONGEST_NOTE = 500


class ForestalledError(Exception):
    """Somebody else has moved to another version in the meantime; the text says who."""


@dataclass(frozen=True, slots=True)
class Move:
    """The moment at which a version became the current one."""

    version: str
    at: str
    by: str
    note: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where `current.json` points: the last of `moves`, oldest first. `stored`: the version of that object in the
    store.
    """

    moves: tuple[Move, ...]
    stored: str

    @property
    def version(self) -> str:
        """Name of the current version."""
        return self.moves[-1].version


class AgentVersions:
    """`clock`: Unix seconds. Every method may raise StoreError, also for an object that can't be read."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def pointer(self) -> Pointer | None:
        """None while nobody has pushed anything."""
        key = layout.agents_current()
        stored = self._store.read(key)
        if stored is None:
            return None
        moves = tuple(_move(entry) for entry in objects(_document(key, stored.body), "moves"))
        if not moves:
            raise StoreError(f"{key}: expected at least one move")
        return Pointer(moves, stored.version)

    def version(self, number: int) -> AgentVersion | None:
        """The version of this number; 0 is the seed."""
        if number == 0:
            return self._seed()
        key = layout.agents_version(number)
        stored = self._store.read(key)
        try:
            return AgentVersion.decoded(stored.body) if stored else None
        except VersionError as problem:
            raise StoreError(f"{key}: {problem}") from None

    def current(self) -> AgentVersion | None:
        """The current version; None if there is none."""
        name = self.current_name()
        return self.named(name) if name else None

    def current_name(self) -> str:
        """Name of the current version; empty if there is none."""
        pointer = self.pointer()
        if pointer is not None:
            return pointer.version
        seed = self._seed()
        return seed.name if seed else ""

    def named(self, name: str) -> AgentVersion:
        """The version of this name. Raises StoreError when it is not there."""
        number = number_of(name)
        version = None if number is None else self.version(number)
        if version is None or version.name != name:
            raise StoreError(f"version {name} of the agents is the current one, but it is not in the store")
        return version

    def content(self, sha256: str) -> bytes | None:
        """The content of a sound."""
        stored = self._store.read(layout.agents_file(sha256))
        return stored.body if stored else None

    def push(
        self, agents: str, files: Mapping[str, bytes], *, by: str, note: str, after: Pointer | None
    ) -> AgentVersion:
        """Create a version and make it the current one, unless somebody has moved since `after`.

        Raises VersionError if it is too large, ForestalledError if somebody was faster.
        """
        listed = {name: File.of(content) for name, content in files.items()}
        AgentVersion(0, agents, listed).check()
        for name, content in files.items():
            self._store.create(layout.agents_file(listed[name].sha256), content)
        version = self._created(agents, listed, by, note[:LONGEST_NOTE])
        self.move(version, by=by, note=note, after=after)
        return version

    def move(self, version: AgentVersion, *, by: str, note: str, after: Pointer | None) -> None:
        """Make `version` the current one. Raises ForestalledError if somebody has moved since `after`."""
        move = Move(version.name, rfc3339(self._clock()), by, note[:LONGEST_NOTE], uuid.uuid4().hex)
        moves = (*(after.moves if after else ()), move)[-MOVES_KEPT:]
        body = encode({"version": version.name, "moves": [_as_json(one) for one in moves]})
        key = layout.agents_current()
        if self._store.swap(key, body, after.stored) if after else self._store.create(key, body):
            return
        present = self.pointer()
        if present and move.id in {one.id for one in present.moves}:
            return  # a retry below us reported its own first attempt as a conflict
        last = present.moves[-1] if present else None
        told = f"version {last.version}, by {last.by} at {last.at}" if last else "by somebody else"
        raise ForestalledError(f"another version came first: {told}")

    def _created(self, agents: str, files: Mapping[str, File], by: str, note: str) -> AgentVersion:
        for _ in range(100):
            version = AgentVersion(self._next(), agents, files, by, rfc3339(self._clock()), note)
            body = version.encoded()
            key = layout.agents_version(version.number)
            if self._store.create(key, body):
                return version
            stored = self._store.read(key)
            if stored and stored.body == body:
                return version
        raise StoreError(f"{layout.agents_versions()} has too many concurrent writers")

    def _next(self) -> int:
        last = max(self._store.keys(layout.agents_versions()), default="")
        return (number_of(last.rpartition("/")[2].removesuffix(".json")) or 0) + 1

    def _seed(self) -> AgentVersion | None:
        stored = self._store.read(layout.agents_seed())
        if stored is None:
            return None
        try:
            return AgentVersion(0, stored.body.decode("utf-8-sig"), {}, "Terraform")
        except UnicodeDecodeError:
            raise StoreError(f"{layout.agents_seed()}: expected a text in UTF-8") from None


def _move(entry: Document) -> Move:
    return Move(*(text(entry, name) for name in ("version", "at", "by", "note", "id")))


def _as_json(move: Move) -> Document:
    return {"id": move.id, "version": move.version, "at": move.at, "by": move.by, "note": move.note}


def _document(key: str, body: bytes) -> Document:
    try:
        return decode(body)
    except ValueError as problem:
        raise StoreError(f"{key}: {problem}") from None
