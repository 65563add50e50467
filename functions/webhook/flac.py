"""A joined recording as FLAC, for players that don't read G.711 (RECORDING_FORMAT=flac); never all of it in memory.

It saves no space: 16-bit telephone sound is 1.1 times as large in FLAC as in G.711. libsndfile rewrites the header at
the end, which an object store does not allow. So the header gets the length, which is known, at the beginning; the
checksum in it stays 0, which means "unknown".
"""

from collections.abc import Iterator
from io import SEEK_CUR, SEEK_END
from typing import Any, Final

_LENGTH: Final = slice(18, 26)  # of the header: 28 bits of rate, channels and depth, 36 bits with the number of samples
_SIGN, _EXPONENT, _STEP, _BIAS = 0x80, 4, 0x0F, 0x84


def problem() -> str:
    """Why this machine can't write FLAC; empty where it can."""
    try:
        import soundfile  # noqa: F401  # an extra
    except (ImportError, OSError) as error:  # OSError: without libsndfile
        return str(error)
    return ""


def encoded(sound: Iterator[bytes], rate_hz: int, channels: int, frames: int) -> Iterator[bytes]:
    """`frames` samples of each of `channels`, interleaved, from μ-law. Needs soundfile."""
    import soundfile  # an extra

    sink = _Sink(frames)
    with soundfile.SoundFile(sink, "w", rate_hz, channels, "PCM_16", format="FLAC") as file:
        rest = b""
        for part in sound:
            whole = rest + part
            rest = whole[len(whole) - len(whole) % channels :]
            file.buffer_write(_pcm(whole[: len(whole) - len(rest)]), "int16")
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """A file for libsndfile that only grows: writes at an earlier position are ignored."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._waiting = bytearray()
        self._at = self._end = 0

    def taken(self) -> bytes:
        """What was written since the last call."""
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken

    def write(self, data: Any) -> int:
        """The header must come first and in one piece, or its length could not be set."""
        body = bytes(data)
        if self._at == self._end:
            if self._end <= _LENGTH.start < self._end + len(body):
                body = self._with_length(body)
            self._waiting += body
            self._end += len(body)
        self._at += len(body)
        return len(body)

    def _with_length(self, body: bytes) -> bytes:
        place = slice(_LENGTH.start - self._end, _LENGTH.stop - self._end)
        known = int.from_bytes(body[place]) | self._frames
        return body[: place.start] + known.to_bytes(8) + body[place.stop :]

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + {SEEK_CUR: self._at, SEEK_END: self._end}.get(whence, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, _: int = -1) -> bytes:
        return b""


def _linear(code: int) -> int:
    """A byte of μ-law as a 16-bit sample."""
    bits = ~code & 0xFF
    size = ((((bits & _STEP) << 3) + _BIAS) << ((bits & ~_SIGN) >> _EXPONENT)) - _BIAS
    return -size if bits & _SIGN else size


_SAMPLES: Final = [_linear(code).to_bytes(2, "little", signed=True) for code in range(256)]
_LOW, _HIGH = (bytes(sample[byte] for sample in _SAMPLES) for byte in (0, 1))


def _pcm(sound: bytes) -> bytes:
    pcm = bytearray(2 * len(sound))
    pcm[0::2], pcm[1::2] = sound.translate(_LOW), sound.translate(_HIGH)
    return bytes(pcm)
