"""A telephone on loudspeaker without echo cancellation: the sound it plays comes back with the caller's voice."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from sim.sound import Pcm


class LineEcho(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`delay_ms`: from playing to coming back; `level_db`: relative to what was played; `room_ms`: reverberation (to
    -60 dB); `clip_at`: share of full scale at which a small loudspeaker clips; `g711`: the line codes the echo.
    `jumps`: seconds into the call, and the delay in ms from then on."""

    delay_ms: float = 300.0
    level_db: float = -12.0
    room_ms: float = 150.0
    clip_at: float = 1.0
    g711: bool = True
    jumps: tuple[tuple[float, float], ...] = ()

    def delay_s(self, at_s: float) -> float:
        """The delay in seconds at that time."""
        return next((ms for since_s, ms in reversed(self.jumps) if at_s >= since_s), self.delay_ms) / 1000


class EchoPath:
    """The echo path of one line, for consecutive frames."""

    def __init__(self, echo: LineEcho, rate_hz: int) -> None:
        self.echo = echo
        self.rate_hz = rate_hz
        self.response = _response(round(echo.room_ms * rate_hz / 1000))

    @property
    def memory(self) -> int:
        """Samples of sound before a frame that `back` needs."""
        return self.response.size - 1

    def back(self, heard: Pcm) -> NDArray[np.float64]:
        """The echo of `heard`, which holds `memory` samples and then the frame's."""
        limit = 32767 * self.echo.clip_at
        loud = np.clip(heard.astype(np.float64), -limit, limit)
        return np.convolve(loud, self.response, mode="valid") * 10 ** (self.echo.level_db / 20)


def _response(size: int) -> NDArray[np.float64]:
    """Impulse response of the direct path and the room, with a power of 1."""
    if size < 2:
        return np.ones(1)
    tail = np.random.default_rng(7).standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    tail[0] = 4.0
    response: NDArray[np.float64] = tail / np.sqrt(np.sum(tail**2))
    return response
