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
        assert sequence_of(payload, sequence, law=heard.encoding.value) == sequence


def test_frames_that_were_lost_on_the_way_are_seen():
    payload = binascii.b2a_base64(stamped(47), newline=False)
    assert sequence_of(payload, 40, law="pcm") == 47
