"""What the line has been sent, when it will run dry, and what the caller has heard by now (design D2, D5).

Pure: every method gets the time (seconds of the event loop's clock). The line plays what it gets as a queue, so one
number, the time at which it runs dry, is the whole schedule. It moves on by exactly the length of every frame, so it
never drifts; after a stall the next frame starts late and is not followed by a burst. If the line turns out to play
later than that (relay/line/lead.py), everything it has not played yet is moved.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from relay.audio.pcm import SAMPLE_BYTES
from relay.audio.playout import Frame, Span

_MEMORY: Final = 8.0  # how late a line may turn out to be, for sound that counted as heard
_AT_ONCE: Final = 8  # frames that may have been played are looked at together: one by one took longer
_STEP: Final = 0.04  # length of the pieces in which that sound is taken back
_SURELY: Final = 0.004  # a frame that began so long ago by our clock has begun on the line


class _InFlight:
    """A frame that the line may still play: see Frame."""

    __slots__ = ("edge", "end", "samples", "spans", "start")

    def __init__(self, start: float, end: float, samples: int, spans: tuple[Span, ...], edge: bytes) -> None:
        self.start = start
        self.end = end
        self.samples = samples
        self.spans = spans
        self.edge = edge


@dataclass(slots=True)
class _Played:
    """A part of one utterance that was played without a break."""

    start: float
    end: float
    utterance: str
    samples: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Dropped from the line by a `clear`.

    `edge`: the speech that would have come first, None if nothing was dropped.
    """

    samples: int
    edge: bytes | None


@dataclass(slots=True)
class LineClock:
    """The playing position of one line."""

    rate_hz: int
    dry_at: float = 0.0
    """When the line will have played all it was sent; in the past when it plays nothing."""
    samples: int = 0
    """All that it was sent, without what was cleared."""
    _in_flight: list[_InFlight] = field(default_factory=list)
    _played: list[_Played] = field(default_factory=list)
    _heard: dict[str, int] = field(default_factory=dict)

    def sent(self, frame: Frame, now: float) -> float:
        """Note a frame sent at `now`; returns how long the line had been dry before it (0.0 if it was not)."""
        before, samples, in_flight = self.dry_at, len(frame.pcm) // SAMPLE_BYTES, self._in_flight
        start = before if before > now else now
        self.dry_at = end = start + samples / self.rate_hz
        self.samples += samples
        if len(in_flight) >= _AT_ONCE:
            self._settle(now)
        in_flight.append(_InFlight(start, end, samples, frame.spans, frame.edge))
        return start - before

    def certain_at(self, now: float) -> float:
        """When it is certain which frames a `clear` drops: `now`, unless one is just beginning.

        The line's clock is a little behind ours. Of a frame that it has not begun nothing would be left to play, when
        we think that a whole frame is.
        """
        for flight in reversed(self._in_flight):
            if flight.start <= now:
                return max(now, flight.start + _SURELY)
        return now

    def cleared(self, now: float) -> Dropped:
        """Note a `clear` sent at `now`.

        The current frame is played to its end (exotel.md 1.6); later ones are dropped.
        """
        self._settle(now)
        samples, edge = 0, None
        while self._in_flight and self._in_flight[-1].start > now:
            flight = self._in_flight.pop()
            samples, edge = samples + flight.samples, flight.edge
        self.dry_at = self._in_flight[-1].end if self._in_flight else now
        self.samples -= samples
        return Dropped(samples, edge)

    def moved(self, seconds: float, now: float) -> None:
        """The line plays `seconds` later than assumed (earlier if negative): everything not yet played is moved.

        Sound that counted as heard within the last `seconds` is still to be heard.
        """
        self._settle(now)
        if seconds > 0:
            self._in_flight[:0] = self._taken_back(now - seconds)
        for flight in self._in_flight:
            flight.start += seconds
            flight.end += seconds
        self.dry_at += seconds

    def heard(self, utterance: str, now: float) -> int:
        """Samples of `utterance` that the line has played by `now`; the current frame counts fully."""
        self._settle(now)
        playing = sum(
            span.samples
            for flight in self._in_flight
            if flight.start <= now
            for span in flight.spans
            if span.utterance == utterance
        )
        return self._heard.get(utterance, 0) + playing

    def upcoming(self, now: float) -> tuple[str, ...]:
        """Utterances of which the line holds something that it has not begun to play, in order."""
        spans = (span for flight in self._in_flight if flight.start > now for span in flight.spans)
        return tuple(dict.fromkeys(span.utterance for span in spans))

    def playing(self, now: float) -> str:
        """The utterance that the line is playing, empty if none."""
        for flight in self._in_flight:
            if flight.start <= now < flight.end and flight.spans:
                return flight.spans[-1].utterance
        return ""

    def _settle(self, now: float) -> None:
        """What was played by `now` is in flight no longer."""
        over, played = 0, self._played
        for flight in self._in_flight:
            if flight.end > now:
                break
            over += 1
            for span in flight.spans:
                self._heard[span.utterance] = self._heard.get(span.utterance, 0) + span.samples
                self._note_played(flight, span)
        del self._in_flight[:over]
        while played and played[0].end < now - _MEMORY:
            played.pop(0)

    def _note_played(self, flight: _InFlight, span: Span) -> None:
        start = flight.start + span.offset / self.rate_hz
        end = start + span.samples / self.rate_hz
        last = self._played[-1] if self._played else None
        if last and last.utterance == span.utterance and start - last.end < _STEP and end - last.start < _MEMORY:
            last.end, last.samples = end, last.samples + span.samples
        else:
            self._played.append(_Played(start, end, span.utterance, span.samples))

    def _taken_back(self, since: float) -> Iterator[_InFlight]:
        """What was played after `since` and no longer counts as heard, in order."""
        late: list[_InFlight] = []
        while self._played and self._played[-1].end > since:
            run = self._played.pop()
            start = max(run.start, since)
            samples = min(run.samples, round((run.end - start) * self.rate_hz))
            if samples < run.samples:
                self._played.append(_Played(run.start, start, run.utterance, run.samples - samples))
            self._heard[run.utterance] -= samples
            late = [*self._pieces(start, samples, run.utterance), *late]
            if start == since:
                break
        yield from late

    def _pieces(self, start: float, samples: int, utterance: str) -> Iterator[_InFlight]:
        step = round(_STEP * self.rate_hz)
        for at in range(0, samples, step):
            count = min(step, samples - at)
            begins = start + at / self.rate_hz
            spans = (Span(utterance, 0, count),)
            yield _InFlight(begins, begins + count / self.rate_hz, count, spans, b"")
