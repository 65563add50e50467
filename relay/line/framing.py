"""How the sound for one line is cut into messages (design D2)."""

from dataclasses import dataclass
from typing import Self

from relay.audio import pcm
from relay.line.exotel import FRAME_UNIT, LineEncoding
from relay.settings import Settings


@dataclass(frozen=True, slots=True)
class Framing:
    """`frame`: samples of a message. `unit`: a shorter message is a multiple of this.

    `lead_s`: None if it is learned.
    """

    rate_hz: int
    frame: int
    unit: int
    lead_s: float | None = None

    @property
    def frame_s(self) -> float:
        """Length of a frame in seconds."""
        return self.frame / self.rate_hz

    @classmethod
    def of(cls, settings: Settings, rate_hz: int, encoding: LineEncoding = LineEncoding.PCM) -> Self:
        """The settings for a line of this rate and encoding.

        With CHUNK_SIZE every message has that size, and the line holds another one while the next is sent.
        """
        if settings.chunk_size is not None:
            frame = settings.chunk_size // pcm.SAMPLE_BYTES
            return cls(rate_hz, frame, frame, 2 * frame / rate_hz)
        sample_bytes = pcm.SAMPLE_BYTES if encoding is LineEncoding.PCM else 1
        unit = FRAME_UNIT // sample_bytes  # payloads are multiples of 320 bytes (exotel.md 1.8)
        frame = -(-settings.frame_ms * rate_hz // (1000 * unit)) * unit
        return cls(rate_hz, frame, unit, None if settings.lead_ms is None else settings.lead_ms / 1000)
