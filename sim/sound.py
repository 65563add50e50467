"""Sound as the fakes need it: PCM and G.711 mu-law, rates, levels. Independent of the relay's code on purpose."""

import base64
from dataclasses import dataclass

import numpy as np
import samplerate
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
"""Mono samples, 16 bit signed."""

SILENCE_DB = -100.0
_BIAS = 132
_CLIP = 32635


def resampled(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """`pcm` at another rate; a whole sound, not a stream."""
    if from_hz == to_hz:
        return pcm
    changed: NDArray[np.float32] = samplerate.resample(pcm.astype(np.float32), to_hz / from_hz, "sinc_medium")
    samples: Pcm = np.clip(np.rint(changed), -32768, 32767).astype(np.int16)
    return samples


def level_db(pcm: Pcm) -> float:
    """RMS relative to full scale; SILENCE_DB for nothing at all."""
    if not pcm.size:
        return SILENCE_DB
    samples = pcm.astype(np.float32)
    power = float(samples @ samples) / samples.size
    return max(SILENCE_DB, 10 * float(np.log10(power)) - 90.3) if power else SILENCE_DB


def mulaw_encoded(pcm: Pcm) -> bytes:
    """G.711 mu-law, a byte a sample."""
    wide = pcm.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(wide < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code.tobytes()


def mulaw_decoded(data: bytes) -> Pcm:
    """The samples of G.711 mu-law."""
    code = ~np.frombuffer(data, np.uint8).astype(np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS << ((code >> 4) & 0x07)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def alaw_encoded(pcm: Pcm) -> bytes:
    """G.711 A-law, a byte a sample: found among the decision values by search."""
    return _ALAW_CODES[np.searchsorted(_ALAW_STEPS, pcm.astype(np.int32), side="right")].tobytes()


def alaw_decoded(data: bytes) -> Pcm:
    """The samples of G.711 A-law."""
    return _ALAW[np.frombuffer(data, np.uint8)]


def _alaw_sample(code: int) -> int:
    """What one code stands for, as the recommendation's table has it: 16 steps of 16, then each segment's doubled."""
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 15
    magnitude = 16 * step + 8 if segment == 0 else (16 * step + 264) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def _alaw_decision(code: int) -> int:
    """The decision value of a code on the side of zero."""
    segment = (code ^ 0x55) >> 4 & 7
    half_step = 8 << max(0, segment - 1)
    sample = _alaw_sample(code)
    return sample - half_step if sample > 0 else sample + half_step


_ALAW = np.array([_alaw_sample(code) for code in range(256)], np.int16)
_ALAW_CODES = np.argsort(_ALAW).astype(np.uint8)
_ALAW_STEPS = np.array(
    [
        _alaw_decision(int(upper if _ALAW[upper] > 0 else lower))
        for lower, upper in zip(_ALAW_CODES[:-1], _ALAW_CODES[1:], strict=True)
    ]
)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One of the formats that some vendor's agents may speak, named as ElevenLabs names its own: `pcm_16000`."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in FORMATS:
            raise ValueError(f"audio format {self.name!r}: expected one of {', '.join(FORMATS)}")

    @property
    def rate_hz(self) -> int:
        return int(self.name.rpartition("_")[2])

    @property
    def sample_bytes(self) -> int:
        return 2 if self.name.startswith("pcm") else 1

    def encoded(self, pcm: Pcm) -> bytes:
        """`pcm`, already at `rate_hz`, as bytes."""
        if self.sample_bytes == 1:
            return alaw_encoded(pcm) if self.name.startswith("alaw") else mulaw_encoded(pcm)
        return pcm.astype("<i2").tobytes()

    def decoded(self, data: bytes) -> Pcm:
        """Bytes as samples at `rate_hz`; half a sample at the end is left out."""
        if self.sample_bytes == 1:
            return alaw_decoded(data) if self.name.startswith("alaw") else mulaw_decoded(data)
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)


FORMATS = ("pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000", "alaw_8000")


def base64_decoded(text: str) -> bytes | None:
    """Standard base64 with its padding, nothing else; None when it is not."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
