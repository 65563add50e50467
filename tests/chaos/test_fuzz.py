"""The short form of the fuzzer, and every input that ever made something raise."""

import pytest

from tests.chaos.fuzz import READERS, fuzz

SEEDS = [
    # signature headers come with whatever bytes there were, as surrogates: compared, they raised (503 instead of 401)
    ("signature", b"t=1,v0=\xff"),
    ("elevenlabs", b'{"type":"audio","audio_event":{"event_id":1e999}}'),
    ("elevenlabs", b'{"type":"audio","audio_event":{"audio_base_64":"\\ud800","event_id":1}}'),
    ("exotel", b'{"event":"media","media":{"payload":"AAAA","timestamp":1e300}}'),
    ("exotel", b'{"event":"start","start":{"call_sid":"c","media_format":{"sample_rate":"99999999999999999Hz"}}}'),
    ("number", "٣٣٣٣٣٣٣٣٣٣".encode()),
    ("document", b"[" * 100_000),
]


@pytest.mark.parametrize(("reader", "data"), SEEDS)
def test_seeds_that_once_made_a_reader_raise(reader, data):
    READERS[reader](data)


def test_nothing_raises():
    assert fuzz(30_000, seed=1) == {}
