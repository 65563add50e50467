"""Sound as numbers: 16-bit samples, μ-law and A-law by table, mixing that saturates.

Everywhere in the relay `pcm` means signed 16-bit little-endian mono without a header, and a sample count is a count of
16-bit samples.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

LINE_RATES: Final = frozenset({8000, 16000, 24000})  # of Exotel's lines, in Hz (docs/notes/exotel.md)
SAMPLE_BYTES: Final = 2
ULAW_SILENCE: Final = b"\xff"  # zero in μ-law; a run of 0x00 would be a loud hum
_INT16: Final = np.dtype("<i2")  # its name would be read each time
_UNSIGNED: Final = np.dtype(np.uint16)
_WIDE: Final = (np.int32, np.int64, np.float32, np.float64)
_HIGHEST: Final = {np.dtype(wide).char: np.array(32767, wide) for wide in _WIDE}
_LOWEST: Final = {np.dtype(wide).char: np.array(-32768, wide) for wide in _WIDE}


def samples(pcm: bytes) -> Samples:
    """View `pcm` (an even number of bytes) as samples, without copying."""
    return np.frombuffer(pcm, _INT16)


def mix(one: Samples, other: Samples) -> Samples:
    """Sum of two tracks of equal length; too loud sums are clipped instead of wrapping around."""
    total = np.add(one, other, dtype=np.int32)
    return saturate(total)


def _mixed(one: bytes, other: bytes) -> bytes:
    return mix(samples(one), samples(other)).tobytes()


def _peak(sound: bytes) -> int:
    found = samples(sound if len(sound) % 2 == 0 else sound[:-1])
    if not len(found):
        return 0
    # The absolute value of -32768 is only right as unsigned. `max` is written in Python.
    return int(np.maximum.reduce(np.abs(found).view(_UNSIGNED)))


def _waves() -> ModuleType | None:
    try:
        from relay.audio import waves
    except ImportError:
        return None
    return waves


WAVES: Final = _waves()
"""waves.c, where that is compiled: what follows is then done in one pass."""
_mix_bytes: Final[Callable[[bytes, bytes], bytes]] = _mixed if WAVES is None else WAVES.mixed
_peak_of: Final[Callable[[bytes], int]] = _peak if WAVES is None else WAVES.peak


def mixed(one: bytes, other: bytes) -> bytes:
    """As `mix`, of bytes."""
    return _mix_bytes(one, other)


def peak(sound: bytes) -> int:
    """The loudest sample's distance from zero, up to 32768. Half a sample at the end does not count."""
    return _peak_of(sound)


def saturate(values: NDArray[Any]) -> Samples:
    """Numbers on the 16-bit scale as samples, clipped; overwrites `values`."""
    # a third of what np.clip takes for a frame, which is wrapped in Python; numbers of a type are not converted
    np.minimum(values, _HIGHEST[values.dtype.char], out=values)
    held: Samples = np.maximum(values, _LOWEST[values.dtype.char], out=values).astype(np.int16)
    return held


def scale(sound: Samples, gain: float | NDArray[np.float32]) -> Samples:
    """`sound` times `gain` (0.0-1.0, one number or one per sample)."""
    return (sound * (np.float32(gain) if isinstance(gain, float) else gain)).astype(_INT16)


def _ulaw_to_linear() -> Samples:
    """G.711: sign, three bits of exponent, four of mantissa, all inverted; 132 is the bias."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = ((code >> 4) & 7).astype(np.int32)
    magnitude = ((((code & 15).astype(np.int32) << 3) + 132) << exponent) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _linear_to_ulaw() -> NDArray[np.uint8]:
    """G.711 encoder for every 16-bit value, indexed by the value's bits taken as unsigned."""
    value = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(value), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(value < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code


def _alaw_to_linear() -> Samples:
    """G.711: sign, three bits of exponent, four of mantissa, every second bit inverted; two segments alike."""
    code = (np.arange(256, dtype=np.uint8) ^ 0x55).astype(np.int32)
    exponent = (code >> 4) & 7
    mantissa = ((code & 15) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, (mantissa + 256) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _linear_to_alaw() -> NDArray[np.uint8]:
    """G.711 encoder for every 16-bit value, indexed by the value's bits taken as unsigned."""
    value = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(value < 0, -value - 1, value)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7, 0)
    mantissa = (magnitude >> np.where(exponent == 0, 4, exponent + 3)) & 15
    sign = np.where(value < 0, 0, 0x80)
    code: NDArray[np.uint8] = ((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8)
    return code


_FROM_ULAW: Final = _ulaw_to_linear()
_TO_ULAW: Final = _linear_to_ulaw()
_FROM_ALAW: Final = _alaw_to_linear()
_TO_ALAW: Final = _linear_to_alaw()


def ulaw_decode(data: bytes) -> Samples:
    """μ-law bytes (one a sample) as samples."""
    return _FROM_ULAW[np.frombuffer(data, dtype=np.uint8)]


def ulaw_encode(sound: Samples) -> bytes:
    """Samples as μ-law bytes (one a sample)."""
    return _TO_ULAW.take(sound.view(np.uint16), mode="wrap").tobytes()  # nothing is outside: not checked is quicker


def alaw_decode(data: bytes) -> Samples:
    """A-law bytes (one a sample) as samples."""
    return _FROM_ALAW[np.frombuffer(data, dtype=np.uint8)]


def alaw_encode(sound: Samples) -> bytes:
    """Samples as A-law bytes (one a sample)."""
    return _TO_ALAW[sound.view(np.uint16)].tobytes()
