"""Reads the operator's sound files."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from relay.audio import pcm

RAW_SUFFIXES: Final = frozenset({".pcm", ".raw", ".s16le"})
SOUND_SUFFIXES: Final = (".wav", ".flac", *sorted(RAW_SUFFIXES))
RAW_RATE_HZ: Final = 8000
_RATES: Final = range(4000, 192_001)


class SoundFileError(ValueError):
    """The file can't be used; the text names it and what was expected."""


def read_mono(path: Path, content: bytes | None = None) -> tuple[pcm.Samples, int]:
    """Samples and rate: WAV or FLAC of any rate, width and channel count; raw s16le mono at 8 kHz by its extension.

    `content`: the content of the file, if it is already in memory.
    """
    try:
        data = path.read_bytes() if content is None else content
        if path.suffix.lower() in RAW_SUFFIXES:
            sound, rate_hz = pcm.samples(data[: len(data) // 2 * 2]), RAW_RATE_HZ
        else:
            with BytesIO(_with_sizes(data)) as file:
                # read as floats from -1 to 1: as integers, the library would not scale those of a float file
                channels, rate_hz = soundfile.read(file, dtype="float32", always_2d=True)
            sound = pcm.saturate(np.rint(channels.mean(axis=1) * 32768))
    except OSError as error:
        raise SoundFileError(f"sound file {path}: {error.strerror or error}") from None
    except soundfile.LibsndfileError as error:
        expected = f"a WAV or FLAC file, or raw s16le with one of the endings {', '.join(sorted(RAW_SUFFIXES))}"
        raise SoundFileError(f"sound file {path}: expected {expected}: {error.error_string}") from None
    if len(sound) == 0:
        raise SoundFileError(f"sound file {path}: expected sound, got none")
    if rate_hz not in _RATES:
        raise SoundFileError(f"sound file {path}: expected {_RATES[0]} to {_RATES[-1]} samples a second, got {rate_hz}")
    return sound, rate_hz


def seconds_of(name: str, content: bytes) -> float:
    """Length of a sound according to its header. Raises SoundFileError."""
    if Path(name).suffix.lower() in RAW_SUFFIXES:
        return len(content) / 2 / RAW_RATE_HZ
    try:
        with BytesIO(_with_sizes(content)) as file:
            return float(soundfile.info(file).duration)
    except soundfile.LibsndfileError as error:
        raise SoundFileError(f"sound file {name}: expected a WAV or FLAC file: {error.error_string}") from None


def _with_sizes(content: bytes) -> bytes:
    """A WAV whose writer never filled in its length (streamed, or cut off: it says 0) with the actual sizes; else
    unchanged.

    The library handles the other convention, all ones, itself.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return content
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name == b"data":
            there = len(content) - at - 8
            if size or not there:
                return content
            filled = bytearray(content)
            struct.pack_into("<I", filled, 4, len(content) - 8)
            struct.pack_into("<I", filled, at + 4, there)
            return bytes(filled)
        at += 8 + size + size % 2
    return content
