import pytest

from tests.bench.websocket import PING, TEXT, FrameReader, frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_of_every_header_width_are_read_back_however_they_are_torn(size):
    payload = bytes(n % 251 for n in range(size))
    data = frame(payload) + frame(b"p", PING)
    cuts = {0, 1, 2, 3, 5, 9, 10, 11, len(data) - 4, len(data) - 3, len(data) - 1}
    for cut in sorted(cut for cut in cuts if 0 <= cut <= len(data)):
        reader = FrameReader()
        assert [*reader.feed(data[:cut]), *reader.feed(data[cut:])] == [(TEXT, payload), (PING, b"p")]


def test_masked_frames_are_unmasked():
    key, payload = b"\x01\x02\x03\x04", b"caller"
    masked = bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))
    data = bytes((0x81, 0x80 | len(payload))) + key + masked
    for cut in range(len(data) + 1):
        reader = FrameReader()
        assert [*reader.feed(data[:cut]), *reader.feed(data[cut:])] == [(TEXT, payload)]


def test_frames_that_we_mask_are_read_back():
    assert list(FrameReader().feed(frame(b"agent", masked=True))) == [(TEXT, b"agent")]


def test_a_fragment_is_refused():
    with pytest.raises(ValueError, match="fragment"):
        list(FrameReader().feed(b"\x01\x01x"))
