"""The messages between the relay as a carrier and a bot: one dialect for each carrier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from relay.agents.seam import CallInfo, Notice
from relay.audio.convert import AudioFormat


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound for the caller, in the stream's format."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MarkSet:
    """To be echoed once all sound before it was heard."""

    name: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """Drop what was not played yet."""


FromBot = Sound | MarkSet | Cleared | Notice


class Dialect(Protocol):
    """One stream of one call. No I/O; `decode` never raises."""

    audio: AudioFormat
    """What both directions carry."""

    def opening(self, call: CallInfo, parameters: Mapping[str, str]) -> list[bytes]:
        """The messages before any sound: `connected` and `start`."""
        ...

    def media(self, data: bytes) -> bytes:
        """Caller sound."""
        ...

    def digit(self, digit: str) -> bytes:
        """A key."""
        ...

    def mark(self, name: str) -> bytes:
        """The echo of a mark."""
        ...

    def stop(self) -> bytes:
        """The call is over."""
        ...

    def decode(self, message: bytes) -> FromBot | None:
        """The bot's message; None if it means nothing here."""
        ...
