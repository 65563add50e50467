"""Checks whether the line's sound has the announced format, in the first second; logs an error if not."""

from typing import Final

from relay.line import exotel

_LOOK_AT: Final = 50
_TOLERANCE: Final = 0.2


class LineCheck:
    """Compares the number of bytes with the time that they should fill (exotel.md 1.7).

    A leg set up through another API could carry μ-law without announcing it: half the bytes, and everybody would hear
    noise. Conversely, a line that announces μ-law and sends two bytes per sample fills twice the time.
    """

    def __init__(self, rate_hz: int, encoding: exotel.LineEncoding = exotel.LineEncoding.PCM) -> None:
        self._encoding = encoding
        self._bytes_per_ms = rate_hz * 2 / 1000
        self._seen = 0
        self._bytes = 0
        self._first_ms: int | None = None
        self.done = False
        """Nothing more to check."""

    def look(self, media: exotel.Media) -> str:
        """One inbound message; returns a sentence when the check is over and something is wrong, else ""."""
        self._seen += 1
        self.done = self._seen >= _LOOK_AT
        before, self._bytes = self._bytes, self._bytes + len(media.pcm)
        if self._first_ms is None:
            self._first_ms = media.timestamp_ms
        if not self.done or self._first_ms is None or media.timestamp_ms is None:
            return ""
        # all messages but the last fill the time from the first to the last
        claimed_ms, self._bytes = media.timestamp_ms - self._first_ms, before
        if claimed_ms <= 0 or abs(self._bytes / (claimed_ms * self._bytes_per_ms) - 1) <= _TOLERANCE:
            return ""
        expected = f"expected {claimed_ms * self._bytes_per_ms:.0f} of 16-bit PCM"
        named = "" if self._encoding is exotel.LineEncoding.PCM else f", decoded from the {self._encoding} it announced"
        return f"{self._bytes} bytes for {claimed_ms} ms{named}: {expected}"
