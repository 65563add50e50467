"""The address of a relay's media socket, as in Exotel's Voicebot applet."""

from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from sim.exotel import MAX_CUSTOM_PARAMETERS, MAX_QUERY_CHARACTERS

RATES = (8000, 16000)
_RATE_KEYS = frozenset({"sample-rate", "sample_rate"})
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """`url`: where to connect. Exotel keeps the query: it sets the line's rate and the custom parameters."""

    url: URL
    rate_hz: int
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises ValueError with a sentence if Exotel would refuse it. Never shows the address, because it contains a
        token.
        """
        try:
            url = URL(text.strip())
        except ValueError:
            raise ValueError("the address can't be read: expected wss://HOST/media/TOKEN") from None
        if url.scheme not in _SCHEMES or not url.host:
            raise ValueError("expected an address that begins with wss:// (or ws:// on this machine)")
        if len(url.query_string) > MAX_QUERY_CHARACTERS:
            raise ValueError(f"the query has {len(url.query_string)} characters: Exotel takes {MAX_QUERY_CHARACTERS}")
        parameters = {key: value for key, value in url.query.items() if key not in _RATE_KEYS}
        if len(parameters) > MAX_CUSTOM_PARAMETERS:
            raise ValueError(f"{len(parameters)} custom parameters: Exotel takes {MAX_CUSTOM_PARAMETERS}")
        rate = next((value for key, value in url.query.items() if key in _RATE_KEYS), str(RATES[0]))
        if rate not in map(str, RATES):
            raise ValueError(f"sample-rate={rate}: the softphone speaks {' or '.join(map(str, RATES))}")
        return cls(url.with_query(None).with_scheme(_SCHEMES[url.scheme]), int(rate), parameters)
