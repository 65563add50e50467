"""Learns how a loudspeaker and its room change the agent's voice, so that an echo is recognised with any delay.

The delay of an echo may jump in the middle of a word, when a network's buffer grows or shrinks. The room stays the
same: a tenth of a second is enough to tell its echo from a caller. Without the room, half a second is needed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relay.audio import pcm

_COMPARED_HZ: Final = 4000
_ROOM_SECONDS: Final = 0.25
_BLOCK_SECONDS: Final = 0.125
_SIZE: Final = 2048  # of the transforms: room and block
_ENOUGH: Final = 5  # blocks with the agent's voice
_FADES: Final = 0.96  # factor of what was learned, with each block
_LOUD: Final = 100.0  # root mean square: -50 dB of full scale
_STEPS: Final = 12  # iterations towards the room's response; more would fit the noise
_FLATTER: Final = 0.9  # a voice is mostly bass, and in the bass all voices are alike


@dataclass(frozen=True, slots=True)
class Match:
    """`likeness`: 0 to 1, between what was heard and the room's echo of the sound played `late` samples before."""

    late: int
    likeness: float
    here: float
    """The likeness with the expected delay."""


class EchoRoom:
    """One call. Not thread-safe."""

    def __init__(self, rate_hz: int) -> None:
        self._step = rate_hz // _COMPARED_HZ
        self._room = round(_ROOM_SECONDS * _COMPARED_HZ)
        self._block = round(_BLOCK_SECONDS * _COMPARED_HZ)
        # heard and played, in the line's samples: a block, and before it as much sound as the room lasts
        self._sides = np.zeros((2, (self._room + self._block) * self._step), dtype=np.int16)
        self._filled = self._room * self._step
        self._spoilt = True
        self._likeness = np.zeros((2, _SIZE // 2 + 1), dtype=np.complex128)  # cross spectrum, power of `played`
        self._blocks = 0
        self._response: NDArray[np.float64] | None = None

    @property
    def known(self) -> bool:
        """Whether enough was learned."""
        return self._blocks >= _ENOUGH

    def spoil(self) -> None:
        """Learn nothing from this block: it holds more than echo, or the next sound does not continue it."""
        self._spoilt = True

    def learn(self, heard: pcm.Samples, played: pcm.Samples) -> None:
        """Pieces of what was heard and of what was played; the latter delayed by the delay of the echo."""
        while len(heard):
            taken = min(len(heard), self._sides.shape[1] - self._filled)
            self._sides[0, self._filled : self._filled + taken] = heard[:taken]
            self._sides[1, self._filled : self._filled + taken] = played[:taken]
            self._filled += taken
            heard, played = heard[taken:], played[taken:]
            if self._filled == self._sides.shape[1]:
                if not self._spoilt:
                    self._take_in()
                self._filled, self._spoilt = self._room * self._step, False
                self._sides[:, : self._filled] = self._sides[:, -self._filled :]

    def _take_in(self) -> None:
        heard, played = (_flatter(self._fewer(side)) for side in self._sides)
        if np.sqrt(np.mean(played**2)) < _LOUD:
            return
        ends = np.zeros((2, _SIZE))
        ends[:, self._room : self._room + self._block] = heard[self._room :], played[self._room :]
        whole = np.conj(np.fft.rfft(played, _SIZE))
        self._likeness *= _FADES
        self._likeness += whole * np.fft.rfft(ends)
        self._blocks += 1
        self._response = None

    def find(self, heard: pcm.Samples, played: pcm.Samples, expected: int) -> Match:
        """Find the sound in `played` whose echo is `heard`. Both end at the same moment; `played` is longer.

        `expected`: the delay of the echo so far, in samples.
        """
        if self._response is None:
            self._response = self._solved()
        sound, source = _flatter(self._fewer(heard)), _flatter(self._fewer(played))
        size = 1 << (len(source) + self._room - 1).bit_length()
        echo = np.fft.irfft(np.fft.rfft(source, size) * np.fft.rfft(self._response, size), size)[: len(source)]
        echo[: self._room] = 0  # this part also depends on sound from before `played`
        product = np.fft.irfft(np.conj(np.fft.rfft(echo, size)) * np.fft.rfft(sound, size), size)
        power = np.concatenate([[0.0], np.cumsum(echo**2)])
        starts = np.arange(len(source) - len(sound), self._room, -1)  # delays of 0, 1, 2, … samples
        powers = power[starts + len(sound)] - power[starts]
        likeness = product[-starts % size] / np.sqrt((powers + 0.02 * powers.max() + 1) * (sound @ sound + 1))
        best = int(np.argmax(likeness))
        here = expected // self._step
        near = likeness[max(0, here - 2) : here + 3]
        return Match(best * self._step, float(likeness[best]), float(near.max()) if len(near) else 0.0)

    def _solved(self) -> NDArray[np.float64]:
        """The response that explains best what was heard: the normal equations, solved by conjugate gradients."""
        across, itself = np.fft.irfft(self._likeness, _SIZE)
        itself[self._room : -self._room + 1] = 0
        itself[0] *= 1.01
        spectrum = np.fft.rfft(itself)
        response = np.zeros(self._room)
        rest = across[: self._room].copy()
        way, size = rest, float(rest @ rest)
        for _ in range(_STEPS):
            seen = np.fft.irfft(spectrum * np.fft.rfft(way, _SIZE), _SIZE)[: self._room]
            step = size / (float(way @ seen) + 1e-9)
            response += step * way
            rest = rest - step * seen
            before, size = size, float(rest @ rest)
            way = rest + size / (before + 1e-9) * way
        return response

    def _fewer(self, sound: pcm.Samples) -> NDArray[np.float64]:
        """Resampled to _COMPARED_HZ by summing neighbours."""
        count = len(sound) // self._step
        fewer = np.zeros(count)
        for first in range(self._step):
            fewer += sound[first :: self._step][:count]
        return fewer


def _flatter(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = sound.copy()
    flat[1:] -= _FLATTER * sound[:-1]
    return flat
