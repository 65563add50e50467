"""What a bot may send on Exotel's media socket, and every way to get it wrong (exotel.md 1.6 to 1.8)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from sim.sound import Pcm, alaw_decoded, alaw_encoded, base64_decoded, mulaw_decoded, mulaw_encoded

UNIT_BYTES = 320
"""20 ms of 16-bit sound at 8 kHz. In G.711 they have half as many bytes."""
MAX_PAYLOAD_BYTES = 99_840


@dataclass(frozen=True, slots=True)
class Law:
    """How this line writes samples. `sample_bytes`: 2, or 1 for G.711."""

    sample_bytes: int
    encoded: Callable[[Pcm], bytes]
    decoded: Callable[[bytes], Pcm]


LINEAR = Law(2, lambda pcm: pcm.astype("<i2").tobytes(), lambda data: np.frombuffer(data, "<i2"))
MU_LAW = Law(1, mulaw_encoded, mulaw_decoded)
A_LAW = Law(1, alaw_encoded, alaw_decoded)
_LAWS = {
    "mulaw": MU_LAW,
    "audio/x-mulaw": MU_LAW,
    "pcmu": MU_LAW,
    "alaw": A_LAW,
    "audio/x-alaw": A_LAW,
    "pcma": A_LAW,
    "base64": LINEAR,
    "raw": LINEAR,
    "audio/x-raw": LINEAR,
}


def law_of(word: str) -> Law:
    """The platform's meaning of `media_format.encoding`. Raises ValueError for an unknown word."""
    name = word.partition(";")[0].lower()
    if name not in _LAWS:
        raise ValueError(f"encoding {word!r}: expected one of {', '.join(_LAWS)}")
    return _LAWS[name]


class Rule(StrEnum):
    """The rule that was broken."""

    BINARY_FRAME = "binary_frame"
    NOT_JSON = "not_json"
    UNKNOWN_EVENT = "unknown_event"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    WRONG_STREAM_SID = "wrong_stream_sid"
    BAD_BASE64 = "bad_base64"
    ODD_BYTES = "odd_bytes"
    NOT_A_MULTIPLE_OF_320 = "not_a_multiple_of_320"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    BURST = "burst"
    MARK_WITHOUT_NAME = "mark_without_name"
    AFTER_STOP = "after_stop"


TOLERATED = frozenset({Rule.WRONG_STREAM_SID, Rule.AFTER_STOP, Rule.BURST})
"""Rules that bots in the field break, Exotel's own samples included, and that the platform tolerates: it plays sound
with another stream_sid or seconds ahead of time, and ignores what comes after `stop`. Our relay does none of it."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule broken at `at_s` (seconds since the stream began)."""

    at_s: float
    rule: Rule
    detail: str

    @property
    def is_tolerated(self) -> bool:
        """The platform tolerates it: worth a warning."""
        return self.rule in TOLERATED


@dataclass(frozen=True, slots=True)
class Media:
    """`pcm` as the platform plays it: a short tail is padded with silence, because the rest never comes."""

    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    pass


class RuleBook:
    """Reads a bot's messages for one stream: `violations` collects them, `read` returns what the platform acts on."""

    def __init__(self, stream_sid: str, *, min_payload_bytes: int = UNIT_BYTES, law: Law = LINEAR) -> None:
        self.violations: list[Violation] = []
        self._stream_sid = stream_sid
        self._law = law
        self._unit_bytes = UNIT_BYTES * law.sample_bytes // 2
        self._min_payload_bytes = min_payload_bytes * law.sample_bytes // 2

    def broken(self, at_s: float, rule: Rule, detail: str) -> Violation:
        """Note a violation."""
        self.violations.append(Violation(at_s, rule, detail))
        return self.violations[-1]

    def read(self, at_s: float, text: str) -> Media | Mark | Clear | Violation:
        """What the message requests, or the violation if the platform can't act on the message."""
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            return self.broken(at_s, Rule.NOT_JSON, str(error))
        if not isinstance(message, dict):
            return self.broken(at_s, Rule.WRONG_TYPE, f"a message must be an object, not {type(message).__name__}")
        # The id is optional on messages from the bot, in either spelling; a wrong one is not (exotel.md 1.6).
        stream_sid = message.get("stream_sid", message.get("streamSid", self._stream_sid))
        if stream_sid != self._stream_sid:
            self.broken(at_s, Rule.WRONG_STREAM_SID, f"{stream_sid!r} instead of {self._stream_sid!r}")
        match message.get("event"):
            case "media":
                return self._media(at_s, message.get("media"))
            case "mark":
                return self._mark(at_s, message.get("mark"))
            case "clear":
                return Clear()
            case None:
                return self.broken(at_s, Rule.MISSING_KEY, "event")
            case other:
                return self.broken(at_s, Rule.UNKNOWN_EVENT, repr(other))

    def _media(self, at_s: float, media: Any) -> Media | Violation:
        if not isinstance(media, dict) or "payload" not in media:
            return self.broken(at_s, Rule.MISSING_KEY, "media.payload")
        payload = media["payload"]
        if not isinstance(payload, str):
            return self.broken(at_s, Rule.WRONG_TYPE, f"media.payload is {type(payload).__name__}, not a string")
        data = base64_decoded(payload)
        if data is None:
            return self.broken(at_s, Rule.BAD_BASE64, f"media.payload of {len(payload)} characters")
        if len(data) > MAX_PAYLOAD_BYTES:
            return self.broken(at_s, Rule.TOO_LARGE, f"{len(data)} bytes, at most {MAX_PAYLOAD_BYTES}")
        if len(data) < self._min_payload_bytes:
            self.broken(at_s, Rule.TOO_SMALL, f"{len(data)} bytes, at least {self._min_payload_bytes}")
        if len(data) % self._law.sample_bytes:
            self.broken(at_s, Rule.ODD_BYTES, f"{len(data)} bytes")
        elif len(data) % self._unit_bytes:
            self.broken(at_s, Rule.NOT_A_MULTIPLE_OF_320, f"{len(data)} bytes")
        unit = self._unit_bytes
        silence = self._law.encoded(np.zeros(1, np.int16))[:1]
        return Media(self._law.decoded(data.ljust(-(-len(data) // unit) * unit, silence)))

    def _mark(self, at_s: float, mark: Any) -> Mark | Violation:
        name = mark.get("name") if isinstance(mark, dict) else None
        if not isinstance(name, str) or not name:
            return self.broken(at_s, Rule.MARK_WITHOUT_NAME, repr(mark))
        return Mark(name)
