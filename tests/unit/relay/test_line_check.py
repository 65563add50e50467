"""The look at the line's first second (exotel.md 1.7)."""

import pytest

from relay.line.exotel import LineEncoding, Media
from relay.line.line_check import LineCheck


def sentences(rate_hz, size, frame_ms=20, *, stamped=True):
    check = LineCheck(rate_hz)
    told = [check.look(Media(bytes(size), n * frame_ms if stamped else None)) for n in range(60) if not check.done]
    assert check.done
    assert not any(told[:-1])
    return told[-1]


@pytest.mark.parametrize(("rate_hz", "size", "frame_ms"), [(8000, 320, 20), (16000, 640, 20), (24000, 4800, 100)])
def test_pcm_is_what_it_says(rate_hz, size, frame_ms):
    assert sentences(rate_hz, size, frame_ms) == ""


def test_half_the_bytes_are_not_16_bit_samples():
    assert sentences(8000, 160) == "7840 bytes for 980 ms: expected 15680 of 16-bit PCM"


def test_a_line_that_announced_mu_law_and_sends_pcm_is_named():
    check = LineCheck(8000, LineEncoding.ULAW)
    told = [check.look(Media(bytes(640), n * 20)) for n in range(50)]
    expected = "31360 bytes for 980 ms, decoded from the ulaw it announced: expected 15680 of 16-bit PCM"
    assert told[-1] == expected


def test_without_timestamps_nothing_can_be_said():
    assert sentences(8000, 160, stamped=False) == ""
