"""The head of a piece of a recording, written by the relay and read by the webhook function."""

import pytest

from common.recording import HEAD_BYTES, head, read_head

WRITTEN = head(8000, 2, 1600)


@pytest.mark.parametrize(("rate_hz", "channels", "frames"), [(8000, 1, 0), (16_000, 2, 5), (24_000, 2, 1_440_000)])
def test_a_head_is_read_as_it_was_written(rate_hz, channels, frames):
    assert read_head(head(rate_hz, channels, frames) + b"sound") == (rate_hz, channels, frames)


def test_a_wav_reader_is_told_of_the_byte_that_makes_an_odd_length_even():
    assert int.from_bytes(head(8000, 1, 5)[4:8], "little") == HEAD_BYTES - 8 + 6
    assert int.from_bytes(head(8000, 1, 6)[4:8], "little") == HEAD_BYTES - 8 + 6


@pytest.mark.parametrize(
    "start",
    [
        head(11_025, 2, 1600),
        head(8000, 3, 1600),
        WRITTEN.replace(b"fact", b"junk"),
        WRITTEN.replace(b"\x07\x00", b"\x01\x00"),
    ],
    ids=["rate", "channels", "chunk", "format"],
)
def test_another_file_is_refused_with_what_was_expected(start):
    with pytest.raises(ValueError, match=r"^expected a piece of a recording: a WAV in μ-law as the relay writes it$"):
        read_head(start)


def test_a_piece_that_ends_in_its_head_is_refused():
    with pytest.raises(ValueError, match="less than its head"):
        read_head(WRITTEN[:-1])
