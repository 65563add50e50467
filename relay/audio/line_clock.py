"""What the line has been sent, when it will run dry, and what the caller has heard by now (design D2, D5).

Pure: every method is told the time (seconds of the event loop's clock). The line plays what it gets as a queue, so one
number, the moment at which it runs dry, is the whole schedule: it moves on by exactly the length of every frame sent
and so never drifts, and after a stall the next frame simply starts late instead of being followed by a burst.
"""

from collections import deque
from dataclasses import dataclass, field

from relay.audio.playout import Frame


@dataclass(slots=True)
class _InFlight:
    start: float
    end: float
    frame: Frame


@dataclass(slots=True)
class LineClock:
    """The playing position of one line."""

    rate_hz: int
    dry_at: float = 0.0
    """When the line will have played all it was sent; in the past when it plays nothing."""
    _in_flight: deque[_InFlight] = field(default_factory=deque)
    _heard: dict[str, int] = field(default_factory=dict)

    def sent(self, frame: Frame, now: float) -> float:
        """Note a frame sent at `now`; returns for how long the line had been dry before it (0.0 when it had not)."""
        dry_for = max(0.0, now - self.dry_at)
        start = max(now, self.dry_at)
        self.dry_at = start + frame.samples / self.rate_hz
        self._settle(now)
        self._in_flight.append(_InFlight(start, self.dry_at, frame))
        return dry_for

    def cleared(self, now: float) -> int:
        """Note a `clear` sent at `now`; returns how many samples the line drops.

        The frame that is playing finishes (exotel.md 1.6); those behind it are gone.
        """
        self._settle(now)
        dropped = 0
        while self._in_flight and self._in_flight[-1].start > now:
            dropped += self._in_flight.pop().frame.samples
        self.dry_at = self._in_flight[-1].end if self._in_flight else now
        return dropped

    def heard(self, utterance: str, now: float) -> int:
        """Samples of `utterance` that the line has played by `now`, the frame being played counted whole."""
        self._settle(now)
        playing = sum(
            span.samples
            for flight in self._in_flight
            if flight.start <= now
            for span in flight.frame.spans
            if span.utterance == utterance
        )
        return self._heard.get(utterance, 0) + playing

    def upcoming(self, now: float) -> tuple[str, ...]:
        """Utterances of which the line holds something that it has not begun to play, the next first."""
        spans = (span for flight in self._in_flight if flight.start > now for span in flight.frame.spans)
        return tuple(dict.fromkeys(span.utterance for span in spans))

    def playing(self, now: float) -> str:
        """The utterance that the line is playing, empty when it is none."""
        for flight in self._in_flight:
            if flight.start <= now < flight.end and flight.frame.spans:
                return flight.frame.spans[-1].utterance
        return ""

    def _settle(self, now: float) -> None:
        while self._in_flight and self._in_flight[0].end <= now:
            for span in self._in_flight.popleft().frame.spans:
                self._heard[span.utterance] = self._heard.get(span.utterance, 0) + span.samples
