"""A vendor's side of a call in the benchmark: the few messages that a call needs, in the vendor's own words.

The benchmark mixes a vendor's class into its own agent (tests/bench/load.py), which does all the rest.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec

BINARY: Final = 2  # the kind of a binary message
decode: Final = msgspec.json.Decoder().decode


class Measured:
    """It learns which call it has from the prompt, which is `{{call_sid}}` alone, or from one of the variables."""

    if TYPE_CHECKING:  # of the benchmark's agent
        transport: Any
        _load: Any
        """`chunk`: a piece of the agent's voice as base64, `raw_chunk`: the same as bytes; `audio`: its format."""
        _event_id: int
        """Of the turn that began last."""
        _head: bytes
        _reader: Any

        def begin(self, call_sid: str) -> None: ...
        def send(self, data: bytes, kind: int = 1) -> None: ...
        def upgrade(self, head: bytes) -> bool: ...
        def data_received(self, data: bytes) -> None: ...
        def _hear(self, payload: str, now: float) -> None: ...
        def _send_json(self, **message: object) -> None: ...

    def answer(self, status: str, document: object) -> None:
        """Answer a request that wants no upgrade."""
        body = msgspec.json.encode(document)
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}"
        )
        self.transport.write(head.encode() + b"\r\n\r\n" + body)
        self.transport.close()
