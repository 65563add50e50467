"""Which rate the applet's address gives the line (exotel.md 1.7)."""

import pytest

from console.doctor.elevenlabs import _line_hz


@pytest.mark.parametrize(
    ("address", "rate_hz"),
    [
        ("wss://relay.example.com/media/t", 8000),
        ("wss://relay.example.com/media/t?sample-rate=16000", 16000),
        ("wss://relay.example.com/media/t?sample-rate=44100", 8000),
        ("wss://relay.example.com/media/t?sample_rate=16000", 8000),
        ("", 8000),
    ],
)
def test_only_what_exotel_reads_counts(address, rate_hz):
    """With an underscore the line stays at 8000, and yet the doctor asked for an agent at 16000."""
    assert _line_hz(address) == rate_hz
