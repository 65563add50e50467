"""What is written to a line, message by message, and what is noted of each once it is written."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from relay.audio.line_clock import LineClock
from relay.audio.playout import Frame, Playout
from relay.events.records import Quality
from relay.line import exotel
from relay.line.echo_guard import EchoGuard
from relay.line.heard import PROBE_S, Heard
from relay.line.socket import Line
from relay.recording.recorder import Recorder

_GAP_MIN: Final = 0.001
_GAP_MAX: Final = 1.0  # an agent silent for longer has paused, and the caller hears a pause, not a hole


class Sending:
    """Of one line. Both methods write, and return messages that have to wait for the line, nearly always none. Each of
    these has to be written before the next is asked for: then it is noted by the line's `clock` and by `heard`, in
    `quality`, by the recorder and the echo guard.

    `time`: the event loop's clock, as a message may have to wait until it can be written.
    """

    def __init__(
        self,
        line: Line,
        encoder: exotel.Encoder,
        playout: Playout,
        clock: LineClock,
        heard: Heard,
        quality: Quality,
        echo: EchoGuard | None,
        time: Callable[[], float],
    ) -> None:
        self._line = line
        self._encoder = encoder
        self._playout = playout
        self._clock = clock
        self._heard = heard
        self._quality = quality
        self._echo = echo
        self._time = time
        self._endless = False  # the last frame has ambience, which must not break off
        self.recorder: Recorder | None = None

    def frame(self, frame: Frame, now: float) -> Iterator[bytes] | None:
        """A frame, marks for the utterances that end with it, and one that only asks when it is heard, if it is time
        for one. `now`: when writing begins.
        """
        if frame.pcm:
            media = self._encoder.media(frame.pcm)
            if not self._line.write(media):
                return self._late_frame(media, frame, now)
            self._note_sent(frame, now)
        # not a generator from the start: most frames have no mark, and to begin and end one took longer than the rest
        if frame.ended or now - self._heard.marked_at >= PROBE_S:
            return self._written(self._marks(frame, now))
        return None

    def clear(self, wanted_at: float) -> Iterator[bytes] | None:
        """The line is to drop what it has not begun to play; wanted since `wanted_at`."""
        return self._written(self._clear(wanted_at))

    def _written(self, messages: Iterator[bytes]) -> Iterator[bytes] | None:
        """Those of the messages that have to wait."""
        for message in messages:
            if not self._line.write(message):
                return chain((message,), messages)
        return None

    def _late_frame(self, media: bytes, frame: Frame, now: float) -> Iterator[bytes]:
        yield media
        self._note_sent(frame, now)
        yield from self._marks(frame, now)

    def _marks(self, frame: Frame, now: float) -> Iterator[bytes]:
        heard = self._heard
        for utterance in frame.ended:
            now = self._time()
            heard.marked(utterance, now)
            yield self._encoder.mark(utterance)
        if now - heard.marked_at >= PROBE_S and frame.pcm and (probe := heard.probe(now)):
            yield self._encoder.mark(probe)

    def _clear(self, wanted_at: float) -> Iterator[bytes]:
        yield self._encoder.clear()
        now = self._time()
        dropped = self._clock.cleared(now)
        self._playout.cut(dropped.edge)
        if self.recorder is not None:
            self.recorder.cut(dropped.samples)
        if self._echo is not None:
            self._echo.cut(self._clock.dry_at)
        if self._playout.ambience is not None:
            self._playout.ambience.rewind(dropped.samples)
        took_ms = (now - wanted_at) * 1000
        self._quality.clear_ms_max = round(max(took_ms, self._quality.clear_ms_max or 0.0), 3)

    def _note_sent(self, frame: Frame, now: float) -> None:
        dry_for, spans, ambience = self._clock.sent(frame, now), frame.spans, self._playout.ambience
        self._quality.frames_out += 1
        if dry_for > _GAP_MIN and (
            self._endless
            or (dry_for < _GAP_MAX and spans and spans[0].utterance == self._heard.open_utterance)  # inside a word
        ):
            self._quality.gaps += 1
            self._quality.gap_ms += round(dry_for * 1000)
        self._endless = ambience is not None and not ambience.silent
        if spans:
            self._heard.sent(frame)
        if self._echo is not None or self.recorder is not None:
            starts_at = self._clock.dry_at - frame.samples / self._clock.rate_hz
            if self.recorder is not None:
                self.recorder.heard(frame.pcm, starts_at)
            if self._echo is not None:
                self._echo.played(frame.pcm, starts_at, speech=bool(spans))
