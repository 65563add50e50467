"""The line's most frequent messages, read by msgspec: of each call 50 with sound a second, and an echo."""

from typing import Annotated, Final, Literal

import msgspec

BIGGEST: Final = 10**12  # a larger number is neither a rate nor a time

_Count = Annotated[int, msgspec.Meta(ge=0, lt=BIGGEST)]


class Media(msgspec.Struct, frozen=True, gc=False, rename={"pcm": "payload", "timestamp_ms": "timestamp"}):
    """Caller audio. `pcm`: s16le mono at the line's rate, even length. `timestamp_ms`: since the stream began.

    `chunk` counts these messages. The names that the fields have on the line are of use to `decode` alone.
    """

    pcm: bytes
    timestamp_ms: _Count | None = None
    chunk: _Count | None = None


class _MediaMessage(msgspec.Struct, gc=False):
    media: Media
    event: Literal["media"]


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The line has played everything sent before our mark `name`, or dropped it on `clear`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]


class _MarkMessage(msgspec.Struct, gc=False):
    mark: Mark
    event: Literal["mark"]


# Not strict about numbers, which may be texts. Base64 it reads in less than half the time that binascii takes, and not
# less strictly.
decode_media: Final = msgspec.json.Decoder(_MediaMessage, strict=False).decode
decode_mark: Final = msgspec.json.Decoder(_MarkMessage).decode
