"""Sound that says which frame it is: the samples of a frame all have one level, and the level counts modulo 31.

A level survives base64, resampling (a filter passes what is constant) and G.711 (whose steps are a sixteenth), so both
ends of any conversion know which frame they look at.
"""

import binascii

from relay.audio import pcm

LEVELS = 31
_G711 = {"ulaw": pcm.ulaw_decode, "alaw": pcm.alaw_decode}
_STEP = 2000  # 31 of them fill the 16-bit range, and at its ends a μ-law step is 1,024


def stamped(sequence: int, samples: int) -> bytes:
    """A frame of s16le that carries `sequence`."""
    return _level(sequence).to_bytes(2, "little", signed=True) * samples


def sequence_of(payload: bytes, expected: int, *, law: str) -> int:
    """What frame the middle of a base64 `payload` is of: `expected`, or one of the 30 after it.

    `law`: `pcm`, `ulaw` or `alaw`.
    """
    middle = len(payload) // 2 // 8 * 8  # eight characters are three samples, whole
    raw = binascii.a2b_base64(payload[middle : middle + 8])
    read = _G711.get(law)
    sample = int(read(raw[2:3])[0]) if read else int.from_bytes(raw[2:4], "little", signed=True)
    return expected + (round(sample / _STEP) + LEVELS // 2 - expected) % LEVELS


def is_silence(sequence: int) -> bool:
    """Whether its level is that of silence."""
    return _level(sequence) == 0


def _level(sequence: int) -> int:
    return (sequence % LEVELS - LEVELS // 2) * _STEP
