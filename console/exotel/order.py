"""A call ordered from Connect Voice AI: Exotel dials the person and puts the bot on the line (exotel.md 4.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from console.words import counted
from sim.exotel import MAX_CUSTOM_PARAMETERS, MAX_QUERY_CHARACTERS

MAX_STREAM_URL = 600
MAX_CUSTOM_FIELD = 128
MAX_TIME_LIMIT_S = 14_400
RATE_KEYS = frozenset({"sample-rate", "sample_rate"})


@dataclass(frozen=True, slots=True)
class Order:
    """`number` and `caller_id` in E.164; `stream_url` whole, with token and query; `time_limit_s` 0: Exotel's own."""

    number: str
    caller_id: str
    stream_url: str
    custom_field: str = ""
    record: bool = False
    status_callback: str = ""
    time_limit_s: int = 0

    def form(self) -> list[tuple[str, str]]:
        """The form to post. Lists are repeated keys: a comma-joined value subscribes to nothing (exotel.md 4.4)."""
        pairs = [
            # The number to dial, not the caller ID: with the two swapped the ExoPhone would call itself.
            ("From", self.number),
            # ExoPhones are written the national way (exotel.md 6).
            ("CallerId", f"0{self.caller_id[3:]}" if self.caller_id.startswith("+91") else self.caller_id),
            ("StreamUrl", self.stream_url),
            ("StreamType", "bidirectional"),
        ]
        if self.custom_field:
            pairs.append(("CustomField", self.custom_field))
        if self.record:
            pairs += [("Record", "true"), ("RecordingChannels", "dual")]
        if self.time_limit_s:
            pairs.append(("TimeLimit", str(self.time_limit_s)))
        if self.status_callback:
            pairs.append(("StatusCallback", self.status_callback))
            pairs += [("StatusCallbackEvents[]", event) for event in ("answered", "terminal")]
        return pairs


def stream_url(address: str, parameters: Mapping[str, str]) -> str:
    """`address` with `parameters` in its query, where Exotel finds the call's custom parameters (exotel.md 1.11).

    Raises ValueError with a sentence for what Exotel would not take; the sentence holds no token.
    """
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme not in {"ws", "wss"} or not url.host:
        raise ValueError("the stream URL must begin with wss:// (or ws:// for a test)")
    if twice := sorted(set(parameters) & set(url.query)):
        raise ValueError(f"parameter {twice[0]!r} stands in the stream URL already")
    url = url.extend_query(parameters)
    own = [key for key in url.query if key not in RATE_KEYS]
    if len(own) > MAX_CUSTOM_PARAMETERS:
        raise ValueError(f"{counted(len(own), 'parameter')} ({', '.join(own)}): Exotel takes {MAX_CUSTOM_PARAMETERS}")
    if (length := len(url.raw_query_string)) > MAX_QUERY_CHARACTERS:
        raise ValueError(f"the parameters take {length} characters as a query: Exotel takes {MAX_QUERY_CHARACTERS}")
    if len(str(url)) >= MAX_STREAM_URL:
        raise ValueError(f"the stream URL has {len(str(url))} characters: Exotel takes fewer than {MAX_STREAM_URL}")
    return str(url)
