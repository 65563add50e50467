"""Bots written for Exotel's AgentStream, as agents: the relay is their Exotel (exotel.md 1).

[agents.mine]
vendor = "exotel"
options = { url = "wss://bot.example.in/media" }
"""

from collections.abc import Mapping
from typing import Final, Literal

from yarl import URL

from relay.agents.roster import AgentSpec
from relay.agents.seam import CallInfo
from relay.agents.telephony.codec import base64, decode, encode
from relay.agents.telephony.dialect import FromBot
from relay.agents.telephony.options import BotOptions
from relay.agents.telephony.session import FRAMES_PER_SECOND, TelephonySession
from relay.agents.vendor import NewSession, Vendor, read_options
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

_ACCOUNT: Final = "voice-bridge"
_RATES: Final = ("sample-rate", "sample_rate")


class ExotelOptions(BotOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rate_hz`: the bot's rate; by default the line's."""

    rate_hz: Literal[8000, 16000, 24000] | None = None


class ExotelDialect:
    """Messages as a live Exotel writes them: every scalar a string."""

    def __init__(self, call: CallInfo, rate_hz: int) -> None:
        self.audio = AudioFormat(Encoding.PCM, rate_hz)
        self._call = call
        self._sequence = 0
        self._chunk = 0

    def opening(self, call: CallInfo, parameters: Mapping[str, str]) -> list[bytes]:
        """`connected`, and `start` with the line's data."""
        start: dict[str, object] = {
            "stream_sid": call.stream_sid,
            "call_sid": call.call_sid,
            "account_sid": _ACCOUNT,
            "from": call.from_number,
            "to": call.to_number,
            "media_format": {
                "encoding": "base64",
                "sample_rate": str(self.audio.rate_hz),
                "bit_rate": f"{self.audio.bytes_per_second * 8 // 1000}kbps",
            },
        }
        if parameters:
            start["custom_parameters"] = dict(parameters)
        return [encode({"event": "connected"}), self._message("start", {"start": start})]

    def media(self, data: bytes) -> bytes:
        """20 ms of the caller."""
        self._chunk += 1
        timestamp = (self._chunk - 1) * 1000 // FRAMES_PER_SECOND
        media = {"chunk": str(self._chunk), "timestamp": str(timestamp), "payload": base64(data)}
        return self._message("media", {"media": media})

    def digit(self, digit: str) -> bytes:
        """A key."""
        return self._message("dtmf", {"dtmf": {"digit": digit, "duration": "200"}})

    def mark(self, name: str) -> bytes:
        """An echo."""
        return self._message("mark", {"mark": {"name": name}})

    def stop(self) -> bytes:
        """The caller has hung up, or the call goes on without this bot."""
        stop = {"call_sid": self._call.call_sid, "account_sid": _ACCOUNT, "reason": "callended"}
        return self._message("stop", {"stop": stop})

    def decode(self, message: bytes) -> FromBot | None:
        """See codec.decode."""
        return decode(message)

    def _message(self, event: str, body: Mapping[str, object]) -> bytes:
        self._sequence += 1
        head = {"event": event, "sequence_number": str(self._sequence), "stream_sid": self._call.stream_sid}
        return encode({**head, **body})


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, ExotelOptions, settings)
    address, headers = options.address(spec, settings)
    url = URL(address)
    # as the Voicebot applet does: the query never reaches the bot as one
    parameters = {name: value for name, value in url.query.items() if name not in _RATES}
    rate: int | None = options.rate_hz or next((int(url.query[name]) for name in _RATES if name in url.query), None)

    def new_dialect(call: CallInfo) -> ExotelDialect:
        return ExotelDialect(call, rate or call.line.rate_hz)

    return lambda context: TelephonySession(
        context.http, str(url.with_query(None)), new_dialect, headers=headers, parameters=parameters
    )


VENDOR = Vendor(title="a bot for Exotel's streams", configure=configure, options=ExotelOptions)
