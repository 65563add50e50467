"""What the settings mean on a line."""

import pytest

from relay.line.exotel import LineEncoding
from relay.line.framing import Framing
from relay.settings import Settings


@pytest.mark.parametrize(
    ("settings", "rate_hz", "encoding", "framing"),
    [
        ({}, 8000, LineEncoding.PCM, Framing(8000, 320, 160)),
        ({}, 16000, LineEncoding.PCM, Framing(16000, 640, 160)),
        ({}, 24000, LineEncoding.PCM, Framing(24000, 960, 160)),
        ({"frame_ms": 20}, 24000, LineEncoding.PCM, Framing(24000, 480, 160)),
        ({"frame_ms": 60}, 8000, LineEncoding.ULAW, Framing(8000, 640, 320)),  # 320 bytes are 40 ms there
        ({"lead_ms": 120}, 8000, LineEncoding.PCM, Framing(8000, 320, 160, 0.12)),
        ({"chunk_size": 1600}, 8000, LineEncoding.PCM, Framing(8000, 800, 800, 0.2)),
        ({"chunk_size": 3200, "frame_ms": 20, "lead_ms": 60}, 16000, LineEncoding.PCM, Framing(16000, 1600, 1600, 0.2)),
    ],
)
def test_frames_units_and_lead(settings, rate_hz, encoding, framing):
    assert Framing.of(Settings(**settings), rate_hz, encoding) == framing


@pytest.mark.parametrize("encoding", LineEncoding)
@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@pytest.mark.parametrize("frame_ms", range(20, 1001, 20))
def test_every_payload_is_a_multiple_of_320_bytes(encoding, rate_hz, frame_ms):
    framing = Framing.of(Settings(frame_ms=frame_ms), rate_hz, encoding)
    sample_bytes = 2 if encoding is LineEncoding.PCM else 1
    assert framing.frame * sample_bytes % 320 == 0
    assert framing.unit * sample_bytes == 320
    assert framing.frame_s * 1000 == pytest.approx(frame_ms, abs=40)
    assert framing.frame_s * 1000 >= frame_ms
