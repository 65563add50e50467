"""Converters: the pitch stays, nothing is lost, and it does not matter how the sound was cut into chunks."""

import threading

import numpy as np
import pytest
import samplerate
from hypothesis import given
from hypothesis import strategies as st

from relay.audio import pcm
from relay.audio.convert import AudioFormat, Converter, Encoding, at_rate
from tests.unit.relay.tone import largest_step, noise, pitch, purity_db, sine

# Every format of an ElevenLabs agent (elevenlabs.md A3.1) and every rate of a line (exotel.md 1.7)
AGENT_FORMATS = [AudioFormat(Encoding.PCM, hz) for hz in (8000, 16000, 22050, 24000, 44100, 48000)] + [
    AudioFormat(Encoding.ULAW, 8000)
]
LINE_FORMATS = [AudioFormat(Encoding.PCM, hz) for hz in (8000, 16000, 24000)]
PAIRS = [(agent, line) for agent in AGENT_FORMATS for line in LINE_FORMATS]
BOTH_WAYS = list(dict.fromkeys([*PAIRS, *((line, agent) for agent, line in PAIRS)]))
RATE_CHANGES = [(one, other) for one, other in BOTH_WAYS if one.rate_hz != other.rate_hz]
LONGEST_DELAY_S = 0.003


def names(pair):
    return f"{pair[0]}-{pair[1]}"


def as_bytes(sound, audio: AudioFormat) -> bytes:
    return pcm.ulaw_encode(sound) if audio.encoding is Encoding.ULAW else sound.tobytes()


def as_samples(data: bytes, audio: AudioFormat):
    return pcm.ulaw_decode(data) if audio.encoding is Encoding.ULAW else pcm.samples(data)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """`data` in chunks of `sizes`, repeated."""
    chunks, at = [], 0
    while at < len(data):
        for size in sizes:
            chunks.append(data[at : at + size])
            at += size
    return chunks


CUTS = st.lists(st.integers(0, 700), min_size=1, max_size=6).filter(any)


@pytest.mark.parametrize("pair", BOTH_WAYS, ids=names)
def test_a_tone_keeps_its_pitch(pair):
    """Agent speech at 16 kHz played as 8 kHz is the deep, slow voice of exotel.md 5."""
    source, target = pair
    converter = Converter(source, target)
    chunks = cut(as_bytes(sine(440, source.rate_hz, 1.0), source), [source.bytes_per_second // 50])
    heard = as_samples(b"".join(map(converter.convert, chunks)), target)
    steady = heard[target.rate_hz // 20 :]
    assert pitch(steady, target.rate_hz) == pytest.approx(440, abs=0.5)
    companded = Encoding.ULAW in (source.encoding, target.encoding)
    assert purity_db(steady, 440, target.rate_hz) > (30 if companded else 60)
    assert np.abs(steady).max() == pytest.approx(10_000, rel=0.05)


@pytest.mark.parametrize("pair", BOTH_WAYS, ids=names)
def test_the_sound_comes_out_as_long_as_it_went_in(pair):
    source, target = pair
    converter = Converter(source, target)
    chunks = cut(as_bytes(sine(300, source.rate_hz, 0.7), source), [160])
    given_out = sum(len(converter.convert(chunk)) for chunk in chunks)
    wanted = 0.7 * target.bytes_per_second
    sample = 1 if target.encoding is Encoding.ULAW else 2
    assert wanted - LONGEST_DELAY_S * target.bytes_per_second <= given_out <= wanted + sample
    given_out += len(converter.convert(b"", last=True))
    assert given_out == pytest.approx(wanted, abs=sample)


@pytest.mark.parametrize("pair", RATE_CHANGES, ids=names)
def test_the_last_chunk_hands_out_what_the_filter_holds(pair):
    """The flush used to give nothing.

    The library of that time made room for as many samples as the chunk was long, and an empty chunk had room for none:
    the last two milliseconds of each utterance were thrown away with the filter's state.
    """
    source, target = pair
    sound = as_bytes(noise(source.rate_hz // 4), source)
    whole, apart = Converter(source, target), Converter(source, target)
    at_once = whole.convert(sound, last=True)
    assert apart.convert(sound) + apart.convert(b"", last=True) == at_once
    assert len(as_samples(at_once, target)) == pytest.approx(target.rate_hz / 4, abs=1)
    tail = as_samples(at_once, target)[-target.rate_hz // 500 :]
    assert np.abs(tail).max() > 500


@pytest.mark.parametrize("pair", RATE_CHANGES, ids=names)
def test_no_click_where_chunks_meet(pair):
    source, target = pair
    tone = as_bytes(sine(440, source.rate_hz, 0.5), source)
    converter = Converter(source, target)
    heard = as_samples(b"".join(converter.convert(chunk) for chunk in cut(tone, [320, 1000, 2])), target)
    steady = heard[target.rate_hz // 50 :]
    slope = 10_000 * 2 * np.pi * 440 / target.rate_hz
    assert largest_step(steady) < slope * 1.2 + (700 if "ulaw" in f"{source}{target}" else 0)


@given(st.sampled_from(BOTH_WAYS), CUTS)
def test_any_chunking_gives_the_same_samples(pair, sizes):
    """Chunks of an agent vary in length and are not even aligned to samples (elevenlabs.md A3.3)."""
    source, target = pair
    sound = as_bytes(noise(1500), source)
    whole, pieces = Converter(source, target), Converter(source, target)
    expected = whole.convert(sound) + whole.convert(b"", last=True)
    in_pieces = b"".join(map(pieces.convert, cut(sound, sizes))) + pieces.convert(b"", last=True)
    assert in_pieces == expected


@given(CUTS)
def test_equal_formats_pass_untouched(sizes):
    line = AudioFormat(Encoding.PCM, 8000)
    sound = noise(1000).tobytes() + b"\x01"
    converter = Converter(line, line)
    chunks = [converter.convert(chunk) for chunk in cut(sound, sizes)]
    assert b"".join(chunks) == sound[:-1]
    assert all(len(chunk) % 2 == 0 for chunk in chunks)


def test_equal_ulaw_passes_untouched():
    ulaw = AudioFormat(Encoding.ULAW, 8000)
    assert Converter(ulaw, ulaw).convert(b"\x01\x02\x03") == b"\x01\x02\x03"


@pytest.mark.parametrize("pair", RATE_CHANGES, ids=names)
def test_a_reset_forgets(pair):
    """A flushed utterance must not ring into the next one."""
    source, target = pair
    used, fresh = Converter(source, target), Converter(source, target)
    used.convert(as_bytes(noise(500, level=30_000), source) + (b"\x7f" if source.encoding is Encoding.PCM else b""))
    used.reset()
    following = as_bytes(noise(400, seed=2), source)
    assert used.convert(following, last=True) == fresh.convert(following, last=True)


@pytest.mark.parametrize("pair", BOTH_WAYS, ids=names)
def test_after_the_last_chunk_it_is_as_new(pair):
    source, target = pair
    used, fresh = Converter(source, target), Converter(source, target)
    used.convert(
        as_bytes(noise(500, level=30_000), source) + (b"\x7f" if source.encoding is Encoding.PCM else b""), last=True
    )
    following = as_bytes(noise(400, seed=2), source)
    assert used.convert(following) == fresh.convert(following)
    assert used.convert(b"", last=True) == fresh.convert(b"", last=True)


@pytest.mark.parametrize("pair", BOTH_WAYS, ids=names)
def test_nothing_in_nothing_out(pair):
    converter = Converter(*pair)
    assert converter.convert(b"") == b""
    assert converter.convert(b"", last=True) == b""


@pytest.mark.parametrize("pair", [pair for pair in RATE_CHANGES if "ulaw" not in names(pair)], ids=names)
def test_a_full_scale_square_rings_against_the_limit_and_does_not_wrap(pair):
    source, target = pair
    period = source.rate_hz // 100
    square = np.where(np.arange(20 * period) % period < period // 2, 32767, -32768).astype(np.int16)
    heard = pcm.samples(Converter(source, target).convert(square.tobytes(), last=True)).astype(np.int32)
    # in the middle of each half wave the sign is that of the square: a wrapped sample would have the other one
    half = target.rate_hz / 200
    middles = heard[[round(half * (n + 0.5)) for n in range(38)]]
    assert (np.sign(middles) == np.tile([1, -1], 19)).all()
    assert heard.max() == 32767
    assert heard.min() == -32768


@given(st.sampled_from(BOTH_WAYS), st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_a_converter_raise(pair, chunks):
    source, target = pair
    converter = Converter(source, target)
    for chunk in chunks:
        out = converter.convert(chunk)
        assert target.encoding is Encoding.ULAW or len(out) % 2 == 0
    converter.convert(b"", last=True)


@pytest.mark.parametrize("source_hz", [8000, 11025, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("target_hz", [8000, 16000, 24000])
def test_a_whole_file_at_another_rate(source_hz, target_hz):
    sound = at_rate(sine(440, source_hz, 1.0), source_hz, target_hz)
    assert sound.dtype == np.int16
    assert len(sound) == pytest.approx(target_hz, abs=2)
    assert pitch(sound, target_hz) == pytest.approx(440, abs=0.5)


def test_a_file_at_the_right_rate_is_left_alone():
    sound = noise(100)
    assert at_rate(sound, 8000, 8000) is sound


@pytest.mark.parametrize(
    ("audio", "name", "bytes_per_second"),
    [
        (AudioFormat(Encoding.PCM, 8000), "pcm_8000", 16_000),
        (AudioFormat(Encoding.PCM, 44100), "pcm_44100", 88_200),
        (AudioFormat(Encoding.ULAW, 8000), "ulaw_8000", 8_000),
    ],
)
def test_a_format_knows_its_arithmetic(audio, name, bytes_per_second):
    assert str(audio) == name
    assert audio.bytes_per_second == bytes_per_second
    assert audio.duration_ms(bytes_per_second // 10) == 100


@pytest.mark.parametrize(
    ("source_hz", "target_hz"), [(44_100, 8000), (8000, 24_000), (48_000, 16_000), (192_000, 8000)]
)
@pytest.mark.parametrize("count", [1, 1234, 100_000])
def test_a_file_that_is_resampled_in_pieces_is_the_same_to_the_sample(source_hz, target_hz, count):
    """In one piece the library kept Python's lock, and so every call waiting, for seconds when agents were changed."""
    sound = np.random.default_rng(1).integers(-20_000, 20_000, count).astype(np.int16)
    whole = samplerate.resample(sound.astype(np.float32), target_hz / source_hz, "sinc_best")
    found = at_rate(sound, source_hz, target_hz)
    assert len(found) == count * target_hz // source_hz
    assert len(found) - len(whole) in {0, 1}, "the library's own rounding"
    assert np.array_equal(found[: len(whole)], pcm.saturate(np.rint(whole)))


def test_between_two_pieces_other_threads_get_their_turn(monkeypatch):
    breaths = []
    monkeypatch.setattr("relay.audio.convert.time.sleep", breaths.append)
    sound = np.zeros(8000, np.int16)
    at_rate(sound, 8000, 16_000)
    assert breaths == [], "nobody waits while the relay starts"
    worker = threading.Thread(target=at_rate, args=(sound, 8000, 16_000))
    worker.start()
    worker.join()
    assert len(breaths) >= 50
