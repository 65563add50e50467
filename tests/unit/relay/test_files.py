"""Sound files as operators have them: any rate, width and channel count, raw, or not sound at all."""

import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from relay.audio.files import RAW_RATE_HZ, SoundFileError, read_mono
from tests.support.processes import ROOT
from tests.unit.relay.tone import noise, sine, wav


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100, 48000, 96000])
def test_any_rate(tmp_path, rate_hz):
    sound = noise(1000)
    read, rate = read_mono(wav(tmp_path / "a.wav", sound, rate_hz))
    assert rate == rate_hz
    assert read.dtype == np.int16
    assert (read == sound).all()


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [
        ("PCM_U8", 256),
        ("PCM_16", 0),
        ("PCM_24", 1),
        ("PCM_32", 1),
        ("FLOAT", 1),
        ("DOUBLE", 1),
        ("ULAW", 300),
        ("ALAW", 300),
    ],
)
def test_any_width_is_as_loud(tmp_path, subtype, tolerance):
    """Floating-point WAVs were read as silence: the library does not scale them when asked for integers."""
    sound = sine(440, 8000, 0.1)
    path = wav(tmp_path / "a.wav", sound / 32768 if subtype in {"FLOAT", "DOUBLE"} else sound, 8000, subtype)
    read, _ = read_mono(path)
    assert np.abs(read.astype(int) - sound).max() <= tolerance


def test_a_float_file_over_full_scale_is_held_at_the_limit(tmp_path):
    read, _ = read_mono(wav(tmp_path / "a.wav", np.array([0.0, 1.5, -1.5]), 8000, "FLOAT"))
    assert read.tolist() == [0, 32767, -32768]


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_any_number_of_channels_is_mixed_to_one(tmp_path, channels):
    tracks = np.stack([noise(500, seed) for seed in range(channels)], axis=1)
    read, _ = read_mono(wav(tmp_path / "a.wav", tracks, 8000))
    assert np.abs(read - tracks.mean(axis=1)).max() <= 1


def test_opposite_channels_do_not_overflow(tmp_path):
    loud = np.full((100, 2), 32767, dtype=np.int16)
    assert (read_mono(wav(tmp_path / "a.wav", loud, 8000))[0] >= 32766).all()


@pytest.mark.parametrize("name", ["a.pcm", "a.raw", "a.s16le", "A.PCM"])
def test_raw_sound_is_at_8_khz(tmp_path, name):
    sound = noise(1000)
    (tmp_path / name).write_bytes(sound.tobytes())
    read, rate = read_mono(tmp_path / name)
    assert rate == RAW_RATE_HZ == 8000
    assert (read == sound).all()


def test_half_a_sample_at_the_end_of_a_raw_file_is_left_out(tmp_path):
    (tmp_path / "a.pcm").write_bytes(b"\x01\x00\x02\x00\x03")
    assert read_mono(tmp_path / "a.pcm")[0].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["no.wav", "no.pcm"])
def test_a_missing_file_is_said_to_be_missing(tmp_path, name):
    with pytest.raises(SoundFileError, match=rf"{name}: No such file or directory$"):
        read_mono(tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.pcm"])
def test_a_folder_is_not_a_sound(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(SoundFileError, match=rf"{name}: Is a directory$"):
        read_mono(tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"not a sound at all, but a letter to a friend" * 50, b"\x00" * 4000]
)
def test_what_is_not_a_sound_is_named_with_what_was_expected(tmp_path, content):
    (tmp_path / "letter.wav").write_bytes(content)
    with pytest.raises(SoundFileError, match=r"letter\.wav: expected a WAV or FLAC file, or raw s16le"):
        read_mono(tmp_path / "letter.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.pcm"])
def test_a_sound_of_no_length(tmp_path, name):
    if name == "a.wav":
        wav(tmp_path / name, np.zeros(0, dtype=np.int16), 8000)
    else:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SoundFileError, match="expected sound, got none"):
        read_mono(tmp_path / name)


def test_other_formats_that_the_library_knows_are_welcome(tmp_path):
    soundfile.write(str(tmp_path / "a.flac"), noise(1000), 8000)
    assert (read_mono(tmp_path / "a.flac")[0] == noise(1000)).all()


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 1_000_000])
def test_an_absurd_rate_is_refused(tmp_path, rate_hz):
    path = wav(tmp_path / "a.wav", noise(1000), 8000)
    header = bytearray(path.read_bytes())
    header[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(header)
    with pytest.raises(SoundFileError, match=r"a\.wav: expected"):
        read_mono(path)


@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, data):
    path = wav(tmp_path_factory.mktemp("damaged") / "a.wav", noise(60), 8000)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 43))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        sound, rate_hz = read_mono(path)
    except SoundFileError:
        return
    assert sound.dtype == np.int16
    assert len(sound)
    assert 4000 <= rate_hz <= 192_000


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_whose_sizes_were_never_filled_in_is_read(tmp_path, size):
    """What ffmpeg and recorders write to a pipe: the header says 0 (or all ones), and the sound stands behind it."""
    content = (ROOT / "tests/fixtures/sizes_zero.wav").read_bytes()
    path = tmp_path / "sound.wav"
    path.write_bytes(content.replace(b"data\0\0\0\0", b"data" + size.to_bytes(4, "little")))
    sound, rate_hz = read_mono(path)
    assert (len(sound), rate_hz) == (8000, 8000)
    assert sound.tobytes() == content[44:]


def test_a_wav_without_sound_is_still_said_to_be_empty(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes((ROOT / "tests/fixtures/sizes_zero.wav").read_bytes()[:44])
    with pytest.raises(SoundFileError, match="expected sound, got none"):
        read_mono(path)
