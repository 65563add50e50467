"""A mobile phone's codec with its silences: AMR-NB with discontinuous transmission, by the reference library.

Between frames that its voice detector takes for speech the encoder sends only a description of the noise, eight times a
second at most, and the decoder makes up a noise like it. Sound that is taken for speech now and then comes in gusts.
"""

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

FRAME: Final = 160
RATE_HZ: Final = 8000
MODES: Final = {4.75: 0, 12.2: 7}
_SID: Final = 8  # frame types from here on carry no speech
LIBRARY: Final = "libopencore-amrnb.so.0"  # Debian's libopencore-amrnb0


@dataclass(frozen=True, slots=True)
class Transmitted:
    """`sound` as it arrives; `speech`: for each 20 ms, whether it was sent as speech."""

    sound: Samples
    speech: NDArray[np.bool_]

    @property
    def switches_per_second(self) -> float:
        """How often speech frames begin or end."""
        return float(np.count_nonzero(self.speech[1:] != self.speech[:-1])) * RATE_HZ / FRAME / len(self.speech)


def bright_db(sound: Samples) -> float:
    """Power between 2 and 3.4 kHz relative to that of the telephone band."""
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    power = np.abs(np.fft.rfft(sound.astype(float))) ** 2
    upper, band = power[(hz >= 2000) & (hz < 3400)].sum(), power[(hz >= 100) & (hz < 3400)].sum()
    return float(10 * np.log10(upper / band))


@cache
def library() -> ctypes.CDLL | None:
    """The codec, None where it is not installed."""
    try:
        lib = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    for name in ("Encoder_Interface_init", "Decoder_Interface_init"):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.Encoder_Interface_Encode.argtypes = [
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_int,
    ]
    lib.Decoder_Interface_Decode.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    lib.Encoder_Interface_exit.argtypes = [ctypes.c_void_p]
    lib.Decoder_Interface_exit.argtypes = [ctypes.c_void_p]
    return lib


def transmit(sound: Samples, kbps: float = 12.2, *, dtx: bool = True) -> Transmitted:
    """`sound` at 8 kHz through encoder and decoder, whole frames of it."""
    lib = library()
    assert lib is not None, f"{LIBRARY} is not installed"
    encoder, decoder = lib.Encoder_Interface_init(int(dtx)), lib.Decoder_Interface_init()
    packet, played = ctypes.create_string_buffer(64), ctypes.create_string_buffer(2 * FRAME)
    parts, speech = [], []
    try:
        for at in range(0, len(sound) - FRAME + 1, FRAME):
            lib.Encoder_Interface_Encode(
                encoder, MODES[kbps], sound[at : at + FRAME].astype("<i2").tobytes(), packet, 0
            )
            speech.append((packet.raw[0] >> 3) & 15 < _SID)
            lib.Decoder_Interface_Decode(decoder, packet.raw, played, 0)
            parts.append(played.raw)
    finally:
        lib.Encoder_Interface_exit(encoder)
        lib.Decoder_Interface_exit(decoder)
    return Transmitted(np.frombuffer(b"".join(parts), dtype="<i2"), np.array(speech))
