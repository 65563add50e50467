"""How an Exotel writes the messages of a stream: one content, several spellings (exotel.md 1.2, 1.5, 1.7)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from sim.exotel_rules import law_of
from sim.sound import Pcm


class Spelling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this Exotel writes its messages: scalars as numbers instead of strings, camelCase instead of snake_case, the
    digit of `dtmf` at the top level, or the ids and numbers of `start`. `encoding`: the word in `media_format`, which
    also decides how sound is written. `unit`: `sample_rate` with its unit. Each was seen or documented somewhere, and a
    relay must read them all (1.2, 1.5, 1.7)."""

    numbers: bool = False
    camel_case: bool = False
    flat_dtmf: bool = False
    flat_start: bool = False
    encoding: str = "base64"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The content of `start`."""

    stream_sid: str
    call_sid: str
    account_sid: str
    from_: str
    to: str
    rate_hz: int
    custom_parameters: Mapping[str, str] = field(default_factory=dict)
    frame_ms: float = 20.0

    @property
    def frame_samples(self) -> int:
        return round(self.rate_hz * self.frame_ms / 1000)


class Writer:
    """The line's messages of one stream, numbered."""

    def __init__(self, start: StreamStart, spelling: Spelling) -> None:
        self._start = start
        self._spelling = spelling
        self._law = law_of(spelling.encoding)
        self._sequence = 0
        self._silence = base64.b64encode(self._law.encoded(np.zeros(start.frame_samples, np.int16))).decode()

    def start(self) -> str:
        """The call begins."""
        start = self._start
        scalar = int if self._spelling.numbers else str
        rate = f"{start.rate_hz}{self._spelling.unit}"
        body: dict[str, Any] = {
            "stream_sid": start.stream_sid,
            "call_sid": start.call_sid,
            "account_sid": start.account_sid,
            "from": start.from_,
            "to": start.to,
            "media_format": {
                "encoding": self._spelling.encoding,
                "sample_rate": rate if self._spelling.unit else scalar(rate),
                "bit_rate": scalar(start.rate_hz * 16 // 1000) if self._spelling.numbers else "128kbps",
            },
        }
        if start.custom_parameters:  # the key is absent when there are none (exotel.md 1.2)
            body["custom_parameters"] = dict(start.custom_parameters)
        if self._spelling.flat_start:
            top = {key: body.pop(key) for key in ("call_sid", "account_sid", "from", "to")}
            return self.text({"event": "start", **top, "start": body})
        return self.text({"event": "start", "start": body})

    def dtmf(self, digit: str) -> str:
        """The caller presses a key."""
        duration = 200 if self._spelling.numbers else "200"
        if self._spelling.flat_dtmf:
            return self.text({"event": "dtmf", "digit": digit, "duration": duration})
        return self.text({"event": "dtmf", "dtmf": {"digit": digit, "duration": duration}})

    def media(self, count: int, pcm: Pcm | None) -> str:
        """Frame `count`, from 1; None: silence."""
        # Formatted by hand: fifty of these per second and call.
        self._sequence += 1
        payload = self._silence if pcm is None else base64.b64encode(self._law.encoded(pcm)).decode()
        quote = "" if self._spelling.numbers else '"'
        sid = "streamSid" if self._spelling.camel_case else "stream_sid"
        sequence = "sequenceNumber" if self._spelling.camel_case else "sequence_number"
        timestamp = round((count - 1) * self._start.frame_ms)
        return (
            f'{{"event":"media","{sequence}":{quote}{self._sequence}{quote},"{sid}":"{self._start.stream_sid}","media":'
            f'{{"chunk":{quote}{count}{quote},"timestamp":{quote}{timestamp}{quote},"payload":"{payload}"}}}}'
        )

    def text(self, message: dict[str, Any]) -> str:
        """`message` in this line's spelling, numbered and with the stream's id unless it is `connected`."""
        if message["event"] != "connected":
            self._sequence += 1
            sequence = self._sequence if self._spelling.numbers else str(self._sequence)
            message = {"sequence_number": sequence, "stream_sid": self._start.stream_sid, **message}
        if self._spelling.camel_case:
            message = _camel(message)
        return msgspec.json.encode(message).decode()


def _camel(value: Any) -> Any:
    """Keys of all levels in camelCase; the caller's own parameter names stay as they are."""
    if not isinstance(value, dict):
        return value
    renamed = {}
    for key, item in value.items():
        first, *rest = key.split("_")
        renamed[first + "".join(map(str.capitalize, rest))] = item if key == "custom_parameters" else _camel(item)
    return renamed
