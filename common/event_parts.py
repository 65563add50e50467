"""An undelivered event, written to the log and read back from it: numbered parts with a hash.

Log drivers cut lines at 16 KiB, and the event of an ordinary call in Hindi has 36 to 60 KB. So the event is compressed
and split into lines that no driver cuts. `console replay` puts them together again, in any order.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

PART_EVENT: Final = "event_undelivered_part"
HEAD_EVENT: Final = "event_undelivered"
PART_SIZE: Final = 6_000
_LARGEST: Final = 64 * 1024 * 1024

Event = Mapping[str, Any]


def split(event: Event) -> Iterator[dict[str, Any]]:
    """The fields of one log line per part: `event_id`, `part` from 1, `parts`, `sha256` of the JSON, `data`."""
    document = json.dumps(event, ensure_ascii=False).encode(errors="surrogatepass")
    packed = base64.b64encode(zlib.compress(document, 9)).decode()
    pieces = [packed[start : start + PART_SIZE] for start in range(0, len(packed), PART_SIZE)]
    digest = sha256(document).hexdigest()
    for number, piece in enumerate(pieces, 1):
        yield {
            "event_id": event["event_id"],
            "part": number,
            "parts": len(pieces),
            "sha256": digest,
            "data": piece,
        }


@dataclass
class Gathered:
    """The parts found of one event: `parts` by number, of `of` in all."""

    event_id: str
    call_sid: str = ""
    of: int = 0
    parts: dict[int, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[int]:
        """Numbers of the parts that were not found."""
        return [number for number in range(1, self.of + 1) if number not in self.parts]


class IncompleteError(ValueError):
    """The event can't be put together; the text says why."""


def joined(gathered: Gathered, digest: str) -> Event:
    """The event. Raises IncompleteError if a part is missing or the hash doesn't match."""
    if not gathered.of or gathered.missing:
        missing = ", ".join(map(str, gathered.missing[:20])) or "all"
        raise IncompleteError(f"part {missing} of {gathered.of or 'an unknown number'} is missing")
    try:
        packed = base64.b64decode(
            "".join(gathered.parts[number] for number in range(1, gathered.of + 1)), validate=True
        )
        unpacking = zlib.decompressobj()
        document = unpacking.decompress(packed, _LARGEST)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise ValueError("cut short")
        event = json.loads(document.decode(errors="surrogatepass"))
    except (ValueError, zlib.error) as error:
        raise IncompleteError(f"its parts can't be unpacked: {error}") from None
    if sha256(document).hexdigest() != digest or not isinstance(event, dict):
        raise IncompleteError("its parts don't have the hash that was written with them")
    return event
