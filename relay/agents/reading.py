"""Reads and writes the messages of all vendors: JSON text. A message that can't be understood raises no exception."""

import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from relay.agents.seam import UNREADABLE, Notice, malformed

encode: Final = msgspec.json.Encoder().encode
_decode_json: Final = msgspec.json.Decoder(dict[str, Any]).decode

Message = dict[str, Any]
Reader = Callable[[Message], Iterable[Any]]


def sound_of(text: Any) -> bytes:
    """Sound that is base64 in a message. Raises what UNREADABLE lists."""
    try:
        return msgspec.convert(text, bytes)  # in a third of the time that binascii takes
    except msgspec.ValidationError:  # it is stricter
        return binascii.a2b_base64(text)


@dataclass(frozen=True, slots=True)
class Failed:
    """The vendor reports that the session can't go on."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model wants a tool. `arguments`: JSON text, as the model wrote it. `settled`: see seam.ToolCall."""

    call_id: str
    name: str
    arguments: str
    settled: bool = False


def read(text: bytes, reader: Reader) -> list[Any]:
    """What `reader` returns for a JSON message. Never raises: an error is a Notice after what was read before it."""
    found: list[Any] = []
    try:
        for decoded in reader(_decode_json(text)):
            found.append(decoded)  # noqa: PERF402 - keeps what came before an error
    except UNREADABLE as error:
        found.append(malformed(error))
    return found


def read_by_type(text: bytes, readers: Mapping[str, Reader], ignored: Mapping[str, str]) -> list[Any]:
    """What the reader for the message's `type` returns; nothing for `ignored` types. Never raises."""

    def by_type(message: Message) -> Iterable[Any]:
        kind = message["type"]
        if (reader := readers.get(kind)) is not None:
            return reader(message)
        return () if kind in ignored else (unknown(kind),)

    return read(text, by_type)


def unknown(name: str) -> Notice:
    """For the log: the vendor sent something unknown."""
    return Notice("unknown", f"message {name[:100]!r}")
