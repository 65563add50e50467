import binascii

import pytest

from relay.audio.convert import AudioFormat, Converter, Encoding
from tests.bench.stamps import LEVELS, sequence_of, stamped

LINE = AudioFormat(Encoding.PCM, 8000)


@pytest.mark.parametrize(
    "heard",
    [LINE, AudioFormat(Encoding.ULAW, 8000), AudioFormat(Encoding.PCM, 16000), AudioFormat(Encoding.PCM, 24000)],
)
def test_a_stamp_survives_every_conversion_that_the_relay_does(heard):
    converter = Converter(LINE, heard)
    for sequence in range(3 * LEVELS):
        payload = binascii.b2a_base64(converter.convert(stamped(sequence)), newline=False)
        assert sequence_of(payload, sequence, sequence + 9, law=heard.encoding.value) == sequence


def test_frames_that_were_lost_on_the_way_are_seen():
    payload = binascii.b2a_base64(stamped(47), newline=False)
    assert sequence_of(payload, 40, 50, law="pcm") == 47


def test_a_call_whose_first_seconds_were_dropped_is_not_late_for_the_rest_of_it():
    """The agent was slow to connect, and the relay kept the latest 1.5 s: one call of a run seemed 620 ms late, and
    another one 3.1 s, from the first frame to the last."""
    seen, expected = [], 0
    for sequence in range(60, 200):
        sent = max(135, sequence + 1)  # what was kept comes at once, the rest as it is said
        payload = binascii.b2a_base64(stamped(sequence), newline=False)
        expected = sequence_of(payload, expected, sent, law="pcm") + 1
        seen.append(expected - 1)
    assert seen[75:] == list(range(135, 200))
