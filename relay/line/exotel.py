"""The AgentStream protocol as a codec: text in, events out, and back. No I/O, and bad input never raises (design D1).

Exotel writes every scalar sometimes as a string and sometimes as a number, ids mostly in snake_case and sometimes in
camelCase, and leaves optional keys out (exotel.md 1.2); all of it is accepted here and nowhere else.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from relay.audio import pcm as sound
from relay.line.exotel_media import BIGGEST, decode_mark, decode_media
from relay.line.exotel_media import Mark as Mark
from relay.line.exotel_media import Media as Media

FRAME_UNIT: Final = 320  # payloads are a multiple of 320 bytes, or the platform waits 20 ms (exotel.md 1.8)
MAX_PAYLOAD: Final = 99_840  # the largest multiple of 320 under 100,000 bytes (exotel.md 1.8)
MAX_MESSAGE: Final = 256 * 1024  # text size of an inbound message (exotel.md 1.8)
MAX_ID: Final = 128  # characters of an id: the longest that fits into a key of the store
_MAX_NUMBER: Final = 128  # a SIP address is longer than any number
_MAX_PARAMETERS: Final = 32  # the applet takes three, of 256 characters together (exotel.md 1.11)
_MAX_PARAMETER: Final = 1024


class LineEncoding(StrEnum):
    """How the line writes a sample: two bytes, or one by G.711's laws (exotel.md 1.7)."""

    PCM = "pcm"
    ULAW = "ulaw"
    ALAW = "alaw"


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket is open; contains nothing else."""


@dataclass(frozen=True, slots=True)
class Start:
    """The call begins. Numbers are as the line writes them, mostly `0XXXXXXXXXX`; any of the texts may be empty.

    `rate_hz` is what the line says, one of LINE_RATES or not; 0 when it named something that is no rate.
    `parameters_dropped`: custom parameters left out, because there were too many, or cut, because one was too long.
    """

    call_sid: str
    stream_sid: str
    account_sid: str = ""
    from_number: str = ""
    to_number: str = ""
    rate_hz: int = 8000
    custom_parameters: Mapping[str, str] = field(default_factory=dict)
    encoding: LineEncoding = LineEncoding.PCM
    parameters_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed: one of `0-9 * #` (scrambled when the applet encrypts DTMF)."""

    digit: str


@dataclass(frozen=True, slots=True)
class Clear:
    """The line wants queued audio dropped; listed by one generation of the documentation only (exotel.md 1.5)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The stream is over; what is sent after it is not heard. `reason` is free text: log it, never branch on it."""

    reason: str = ""
    call_sid: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed event we have no use for."""

    event: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not an event. `problem` says what was expected, without repeating the content."""

    problem: str


Event = Connected | Start | Media | Dtmf | Mark | Clear | Stop | Unknown | Malformed


_decode_json: Final = msgspec.json.Decoder().decode
_decode_media: Final = decode_media  # what is Final is quicker to find in a compiled module
_PCM: Final = LineEncoding.PCM  # a look-up in the enumeration takes six times as long as a name
_quote: Final = msgspec.json.Encoder().encode  # of bytes: their base64
_SHORT: Final = 200  # bytes: sound takes more, the echo of a mark less
_NUMBER: Final = re.compile(r"\s*(\d+)")


def decode(text: bytes | bytearray, encoding: LineEncoding = LineEncoding.PCM) -> Event:
    """One inbound text message as an event. `encoding`: from the stream's `start`. Never raises."""
    if len(text) < _SHORT:
        try:
            return decode_mark(text).mark
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    try:  # 50 of these a second and call
        media = _decode_media(text).media
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # another message, or a malformed one: the error is found below
    else:
        if encoding is _PCM and len(media.pcm) % 2 == 0:
            return media
        return _media(media.pcm, media.timestamp_ms, media.chunk, encoding)
    try:
        message = _decode_json(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(f"expected a JSON object: {error}")
    if type(message) is not dict:
        return Malformed("expected a JSON object")
    event = message.get("event")
    if event == "media":
        return _loose_media(message.get("media"), encoding)
    reader = _READERS.get(event) if isinstance(event, str) else None
    if reader is None:
        return Unknown(event[:40]) if isinstance(event, str) else Malformed("expected a string under 'event'")
    body = message.get(event)
    return reader(message, body if isinstance(body, dict) else {})


def _loose_media(media: Any, encoding: LineEncoding) -> Event:
    """A media message that is written slightly differently."""
    try:
        pcm = binascii.a2b_base64(media["payload"], strict_mode=True)
    except (TypeError, KeyError, ValueError):
        return Malformed("media: expected base64 under 'media.payload'")
    return _media(pcm, _integer(media.get("timestamp")), _integer(media.get("chunk")), encoding)


def _media(pcm: bytes, timestamp_ms: int | None, chunk: int | None, encoding: LineEncoding) -> Event:
    if encoding is not LineEncoding.PCM:
        pcm = _TO_PCM[encoding](pcm)
    elif len(pcm) % 2:
        return Malformed(f"media: expected whole 16-bit samples, got {len(pcm)} bytes")
    return Media(pcm, timestamp_ms, chunk)


def _start(message: dict[str, Any], start: dict[str, Any]) -> Event:
    # one generation writes ids and numbers beside `start`, not inside it: the inner ones win
    said = {**message, **start}
    call_sid = _text(said, "call_sid", "callSid")
    if not call_sid:
        return Malformed("start: expected a string under 'start.call_sid'")
    stream_sid = _text(message, "stream_sid", "streamSid") or _text(start, "stream_sid", "streamSid")
    if max(len(call_sid), len(stream_sid)) > MAX_ID:
        return Malformed(f"start: expected ids of {MAX_ID} characters at most")
    found = said.get("media_format", said.get("mediaFormat"))
    media_format: dict[str, Any] = found if isinstance(found, dict) else {}
    encoding, named_rate = _media_type(_text(media_format, "encoding", "content_type", "contentType"))
    rate = media_format.get("sample_rate", media_format.get("sampleRate", named_rate))
    parameters, dropped = _parameters(said.get("custom_parameters", said.get("customParameters")))
    return Start(
        call_sid=call_sid,
        stream_sid=stream_sid or call_sid,  # one document's start has none (exotel.md 1.3)
        account_sid=_text(said, "account_sid", "accountSid")[:MAX_ID],
        from_number=_text(said, "from")[:_MAX_NUMBER],
        to_number=_text(said, "to")[:_MAX_NUMBER],
        # a call at an unsupported rate begins all the same: it has to be recorded and handed over (design D3)
        rate_hz=8000 if rate is None or rate == "" else _integer(rate) or 0,
        custom_parameters=parameters,
        encoding=encoding,
        parameters_dropped=dropped,
    )


def _media_type(text: str) -> tuple[LineEncoding, str | None]:
    """`audio/x-mulaw;rate=8000` as encoding and rate. `base64`, `raw` and words unknown to us are PCM, as seen live."""
    word, *more = (part.strip().lower() for part in text.split(";"))
    rate = next((part.partition("=")[2].strip() for part in more if part.startswith("rate")), None)
    return _ENCODINGS.get(word.removeprefix("audio/").removeprefix("x-"), LineEncoding.PCM), rate


def _parameters(source: Any) -> tuple[dict[str, str], int]:
    """Custom parameters as texts, and how many were left out or cut: anybody who opens the socket can write them."""
    if not isinstance(source, dict):
        return {}, 0
    texts = {key: _text(source, key) for key in list(source)[:_MAX_PARAMETERS] if len(key) <= _MAX_PARAMETER}
    cut = sum(len(text) > _MAX_PARAMETER for text in texts.values())
    return {key: text[:_MAX_PARAMETER] for key, text in texts.items()}, len(source) - len(texts) + cut


def _dtmf(message: dict[str, Any], dtmf: dict[str, Any]) -> Event:
    digit = _text(dtmf, "digit") or _text(message, "digit")
    return Dtmf(digit) if digit else Malformed("dtmf: expected a key under 'dtmf.digit'")


def _mark(_: dict[str, Any], mark: dict[str, Any]) -> Event:
    name = _text(mark, "name")
    return Mark(name) if name else Malformed("mark: expected a string under 'mark.name'")


def _stop(_: dict[str, Any], stop: dict[str, Any]) -> Event:
    return Stop(_text(stop, "reason"), _text(stop, "call_sid", "callSid"))


_READERS: Final = {
    "connected": lambda message, body: Connected(),
    "start": _start,
    "dtmf": _dtmf,
    "mark": _mark,
    "clear": lambda message, body: Clear(),
    "stop": _stop,
}


_ENCODINGS: Final = {
    "mulaw": LineEncoding.ULAW,
    "mu-law": LineEncoding.ULAW,
    "ulaw": LineEncoding.ULAW,
    "u-law": LineEncoding.ULAW,
    "pcmu": LineEncoding.ULAW,
    "basic": LineEncoding.ULAW,  # audio/basic (RFC 2046)
    "alaw": LineEncoding.ALAW,
    "a-law": LineEncoding.ALAW,
    "pcma": LineEncoding.ALAW,
}
_TO_PCM: Final[Mapping[LineEncoding, Callable[[bytes], bytes]]] = {
    LineEncoding.ULAW: lambda data: sound.ulaw_decode(data).tobytes(),
    LineEncoding.ALAW: lambda data: sound.alaw_decode(data).tobytes(),
}
_FROM_PCM: Final[Mapping[LineEncoding, Callable[[bytes], bytes]]] = {
    LineEncoding.ULAW: lambda pcm: sound.ulaw_encode(sound.samples(pcm)),
    LineEncoding.ALAW: lambda pcm: sound.alaw_encode(sound.samples(pcm)),
}


def _text(source: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        value = source.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
            return str(value)
    return ""


def _integer(value: Any) -> int | None:
    """A number that may be text with a unit, such as "8000Hz"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if abs(value) < BIGGEST else None
    found = _NUMBER.match(value) if isinstance(value, str) and len(value) < 20 else None
    return _integer(int(found[1])) if found else None


_MEDIA: Final = (
    b'{"event":"media","sequence_number":"%d","stream_sid":%b,"media":{"chunk":"%d","timestamp":"%d","payload":%b}}'
)


class Encoder:
    """Outbound messages of one stream, with the numbers that Exotel's own samples carry.

    `sequence_number`, `chunk` and `timestamp` are a harmless superset of what is needed (exotel.md 1.6).
    """

    def __init__(self, stream_sid: str, rate_hz: int, encoding: LineEncoding = LineEncoding.PCM) -> None:
        self._encode = _FROM_PCM.get(encoding)
        self._bytes_per_ms = rate_hz * 2 // 1000
        self._stream_sid = _quote(stream_sid)
        self._sequence = 0
        self._chunk = 0
        self._bytes = 0

    def media(self, pcm: bytes) -> bytes:
        """`pcm`: s16le mono at the line's rate, a multiple of FRAME_UNIT bytes, whatever the line's encoding."""
        self._sequence += 1
        self._chunk += 1
        timestamp = self._bytes // self._bytes_per_ms
        self._bytes += len(pcm)
        if self._encode is not None:
            pcm = self._encode(pcm)
        return _MEDIA % (self._sequence, self._stream_sid, self._chunk, timestamp, _quote(pcm))

    def mark(self, name: str) -> bytes:
        """Ask the line to report when everything sent so far has been played."""
        self._sequence += 1
        return b'{"event":"mark","sequence_number":"%d","stream_sid":%b,"mark":{"name":%b}}' % (
            self._sequence,
            self._stream_sid,
            _quote(name),
        )

    def clear(self) -> bytes:
        """Drop what has been received but not begun."""
        return b'{"event":"clear","stream_sid":%b}' % self._stream_sid
