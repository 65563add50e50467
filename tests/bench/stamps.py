"""Sound that says which frame it is: the middle of a frame has one level, and the level counts modulo 31.

A level survives base64, resampling (a filter passes what is constant) and G.711 (whose steps are a sixteenth), so both
ends of any conversion know which frame they look at. On both sides of it is noise, another one in each frame: levels
alone, over and over, are so alike at both ends of a call that the relay takes one for the echo of the other.
"""

import binascii

import numpy as np

from relay.audio import pcm

LEVELS = 31
_G711 = {"ulaw": pcm.ulaw_decode, "alaw": pcm.alaw_decode}
_STEP = 2000  # 31 of them fill the 16-bit range, and at its ends a μ-law step is 1,024
_KEPT = slice(40, 104)
"""Samples of 160 with the level: the middle one, 2 ms before it, and as far as a resampler's filter reaches."""
_NOISE = 2500


def stamped(sequence: int, variant: int = 0) -> bytes:
    """A frame of 160 samples, s16le, that carries `sequence`; those of different variants are not alike."""
    sound = noisy(_level(sequence), 160, seed=(sequence % LEVELS, variant))
    sound[_KEPT] = _level(sequence)
    return sound.tobytes()


def noisy(level: int, samples: int, *, seed: tuple[int, ...]) -> pcm.Samples:
    """Noise around a level."""
    noise = np.random.default_rng(seed).normal(level, _NOISE, samples)
    return np.clip(noise, -32768, 32767).astype(np.int16)


def sequence_of(payload: bytes, expected: int, sent: int, *, law: str) -> int:
    """What frame the middle of a base64 `payload` is of: `expected`, or the latest of those with its level among the
    `sent` first. After a gap the frames are fresh. Counted on from the one before the gap, they were taken for the
    wrong ones when more than 30 had been lost, and all that followed seemed 620 ms late, or a multiple of it.

    `law`: `pcm`, `ulaw` or `alaw`.
    """
    middle = len(payload) // 2 // 8 * 8  # eight characters are three samples, whole
    raw = binascii.a2b_base64(payload[middle : middle + 8])
    read = _G711.get(law)
    sample = int(read(raw[2:3])[0]) if read else int.from_bytes(raw[2:4], "little", signed=True)
    level = (round(sample / _STEP) + LEVELS // 2) % LEVELS
    if level == expected % LEVELS and expected < sent:
        return expected
    return sent - 1 - (sent - 1 - level) % LEVELS


def is_silence(sequence: int) -> bool:
    """Whether its level is that of silence."""
    return _level(sequence) == 0


def _level(sequence: int) -> int:
    return (sequence % LEVELS - LEVELS // 2) * _STEP
