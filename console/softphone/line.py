"""What Exotel holds of a call, reported as it happens: the buffer towards the caller, marks, clears."""

from collections.abc import Callable
from dataclasses import dataclass

from sim.line_playout import LinePlayout, MarkEcho
from sim.sound import Pcm


@dataclass(frozen=True, slots=True)
class Queued:
    """A media message arrived; `ahead_ms` of sound are now buffered."""

    ahead_ms: float


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark arrived; it is echoed when the sound before it has been heard."""

    name: str


@dataclass(frozen=True, slots=True)
class Echoed:
    """A mark was returned to the relay. `cleared`: because its sound was dropped, not heard."""

    name: str
    cleared: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    """A clear arrived; `dropped_ms` of buffered sound will not be heard."""

    at_ms: float
    dropped_ms: float


LineEvent = Queued | Marked | Echoed | Cleared


class WatchedPlayout(LinePlayout):
    """The line's playout, with an observer."""

    def __init__(self, rate_hz: int, tell: Callable[[LineEvent], None]) -> None:
        super().__init__(rate_hz)
        self._tell = tell
        self._end_s = 0.0

    def waiting_ms(self, at_s: float) -> float:
        """How much sound is buffered at `at_s` that the caller has not heard yet."""
        return max(0.0, self._end_s - at_s) * 1000

    def media(self, at_s: float, pcm: Pcm) -> float:
        ahead_s = super().media(at_s, pcm)
        self._end_s = at_s + ahead_s
        self._tell(Queued(ahead_s * 1000))
        return ahead_s

    def mark(self, at_s: float, name: str) -> None:
        super().mark(at_s, name)
        self._tell(Marked(name))

    def clear(self, at_s: float) -> float:
        dropped_s = super().clear(at_s)
        self._end_s -= dropped_s
        self._tell(Cleared(at_s * 1000, dropped_s * 1000))
        return dropped_s

    def due(self, at_s: float) -> list[MarkEcho]:
        ready = super().due(at_s)
        for echo in ready:
            self._tell(Echoed(echo.name, echo.cleared))
        return ready
