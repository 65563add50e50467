"""What the dialects share: reading a bot's JSON without raising, and sound as base64."""

import binascii
from typing import Any, Final

import msgspec

from relay.agents.seam import UNREADABLE, Notice, malformed
from relay.agents.telephony.dialect import Cleared, FromBot, MarkSet, Sound

encode: Final = msgspec.json.Encoder().encode
_decode_json: Final = msgspec.json.Decoder(dict[str, Any]).decode
_OF_NO_USE: Final = frozenset({"connected", "start", "stop"})  # some frameworks return what they were sent


def decode(message: bytes) -> FromBot | None:
    """A bot's message: `media`, `mark`, `clear`. Both carriers' are alike here."""
    try:
        body = _decode_json(message)
        event = body["event"]
        if event == "media":
            return Sound(binascii.a2b_base64(body["media"]["payload"], strict_mode=True))
        if event == "mark":
            name = body["mark"]["name"]
            return MarkSet(name) if isinstance(name, str) and name else Notice("malformed", "a mark without a name")
        if event == "clear":
            return Cleared()
    except UNREADABLE as error:
        return malformed(error)
    if event in _OF_NO_USE:
        return None
    return Notice("unknown", f"message {str(event)[:100]!r}")


def base64(data: bytes) -> str:
    """`data` as text."""
    return binascii.b2a_base64(data, newline=False).decode()
