"""Converts between audio formats, keeping pitch, every sample, and the state between chunks (design D3)."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import samplerate

from relay.audio import pcm
from relay.audio.resample import Resampler
from relay.audio.slip import NOISE_PEAK, one_byte_off


class Encoding(StrEnum):
    """Encoding of a sample."""

    PCM = "pcm"
    ULAW = "ulaw"
    ALAW = "alaw"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding and rate of a mono track."""

    encoding: Encoding
    rate_hz: int

    @property
    def bytes_per_second(self) -> int:
        """Bytes per second of sound."""
        return self.rate_hz * (pcm.SAMPLE_BYTES if self.encoding is Encoding.PCM else 1)

    def duration_ms(self, size: int) -> float:
        """Length in milliseconds of `size` bytes of this format."""
        return size * 1000 / self.bytes_per_second

    def __str__(self) -> str:
        return f"{self.encoding}_{self.rate_hz}"


_PIECES_A_SECOND: Final = 50  # of a file to resample: half a millisecond of work each
_BREATH_S: Final = 0.0005  # pause after each piece: a thread that waits for the lock gets it now
_TAIL_MS: Final = 100  # of silence after it: more than the filter holds back, at any rate
_READ: Final[Mapping[Encoding, Callable[[bytes], pcm.Samples]]] = {
    Encoding.PCM: pcm.samples,
    Encoding.ULAW: pcm.ulaw_decode,
    Encoding.ALAW: pcm.alaw_decode,
}
_WRITE: Final[Mapping[Encoding, Callable[[pcm.Samples], bytes]]] = {
    Encoding.PCM: lambda sound: sound.tobytes(),
    Encoding.ULAW: pcm.ulaw_encode,
    Encoding.ALAW: pcm.alaw_encode,
}


def at_rate(sound: pcm.Samples, source_hz: int, target_hz: int) -> pcm.Samples:
    """A whole sound at another rate, with the best filter: for files, not for live sound.

    It is done in pieces, because the library holds Python's lock, and agents with their sounds change while calls run.
    In one piece, a minute of sound would block all calls for a second.
    """
    if source_hz == target_hz:
        return sound
    ratio, size = target_hz / source_hz, source_hz // _PIECES_A_SECOND
    wave = np.concatenate([sound, np.zeros(source_hz * _TAIL_MS // 1000, np.int16)]).astype(np.float32)
    resampler = samplerate.Resampler("sinc_best")
    pieces, beside_calls = [], threading.current_thread() is not threading.main_thread()
    for start in range(0, len(wave), size):
        pieces.append(resampler.process(wave[start : start + size], ratio))
        if beside_calls:
            time.sleep(_BREATH_S)
    return pcm.saturate(np.rint(np.concatenate(pieces)[: len(sound) * target_hz // source_hz]))


class Converter:
    """One direction of one call: bytes of one format in, bytes of the other out, with state between chunks.

    Equal formats pass unchanged, except for an odd byte, which waits for its other half.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat, *, realigned: bool = False) -> None:
        """`realigned`: sound that turns out to be one byte off is put right."""
        self.slips = 0
        """How often it was."""
        self._realigned = realigned
        self._source = source
        self._target = target
        self._resampler = Resampler(source.rate_hz, target.rate_hz) if source.rate_hz != target.rate_hz else None
        self._passes = source == target
        self._half_sample = b""

    def convert(self, data: bytes, *, last: bool = False) -> bytes:
        """The sound of `data` in the target format; `last` also returns what the filter still holds.

        After `last` the converter is reset: the next chunk starts another utterance.
        """
        if self._source.encoding is Encoding.PCM:
            if self._half_sample:
                data, self._half_sample = self._half_sample + data, b""
            if self._realigned:
                data = self._put_right(data)
            if len(data) % 2:
                data, self._half_sample = data[:-1], data[-1:]
            if last:
                self._half_sample = b""
        if self._passes:
            return data
        sound = _READ[self._source.encoding](data)
        if self._resampler is not None:
            sound = self._resampler.process(sound, last=last)
        return _WRITE[self._target.encoding](sound)

    def _put_right(self, data: bytes) -> bytes:
        if pcm.peak(data) < NOISE_PEAK or (at := one_byte_off(data, self._source.rate_hz)) is None:
            return data
        self.slips += 1
        return data[: at * pcm.SAMPLE_BYTES] + data[at * pcm.SAMPLE_BYTES + 1 :]

    def returned(self, size: int, *, last: bool = False) -> int:
        """How many samples `convert` has returned in all after `size` bytes of an utterance in which nothing was put
        right.
        """
        samples = size // pcm.SAMPLE_BYTES if self._source.encoding is Encoding.PCM else size
        return samples if self._resampler is None else self._resampler.returned(samples, last=last)

    def reset(self) -> None:
        """Forget the sound so far: it was dropped, and its tail must not be heard in what comes next."""
        self._half_sample = b""
        if self._resampler is not None:
            self._resampler.reset()
