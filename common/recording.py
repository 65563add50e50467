"""Format of a recording: pieces of equal length, each a WAV file, that can be concatenated.

G.711 μ-law, the format of a telephone line: one byte per sample, 16 kB per second for both sides at 8 kHz, and every
player and browser can play it.
"""

import struct

PIECE_SECONDS = 8
"""What a relay that dies can lose: this, and the seconds that a piece waits for what may still change in it."""
LARGEST_PIECE = 512 * 1024
"""Bytes: 8 s of two sides at 24 kHz are 384 kB."""
MOST_PIECES = 1800
"""Of one stream: four hours, the most that MAX_CALL_SECONDS may be."""
SILENCE = 0xFF
"""Zero in μ-law."""
RATES = (8000, 16000, 24000)

_MULAW = 7
_HEAD = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
HEAD_BYTES = _HEAD.size


def head(rate_hz: int, channels: int, frames: int) -> bytes:
    """The header before `frames` samples of each of `channels`, interleaved."""
    size = frames * channels
    return _HEAD.pack(
        b"RIFF", _HEAD.size - 8 + size + size % 2, b"WAVE",
        b"fmt ", 18, _MULAW, channels, rate_hz, rate_hz * channels, channels, 8, 0,
        b"fact", 4, frames,
        b"data", size,
    )  # fmt: skip


def read_head(start: bytes) -> tuple[int, int, int]:
    """Rate, channels and frames of a header that `head` wrote. Raises ValueError for any other."""
    if len(start) < _HEAD.size:
        raise ValueError("expected a piece of a recording, got less than its head")
    fields = _HEAD.unpack_from(start)
    channels, rate_hz, frames = fields[6], fields[7], fields[14]
    if rate_hz not in RATES or channels not in (1, 2) or start[: _HEAD.size] != head(rate_hz, channels, frames):
        raise ValueError("expected a piece of a recording: a WAV in μ-law as the relay writes it")
    return rate_hz, channels, frames
