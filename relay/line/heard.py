"""How much of each utterance the caller has heard: from the echoes of marks, or from the clock without them (design
D5).
"""

from collections.abc import Callable, Iterable
from typing import Final

from relay.audio.line_clock import LineClock
from relay.audio.playout import Frame
from relay.events.records import Quality
from relay.flag import Flag
from relay.line.answers import Answers

MARK_GRACE: Final = 2.0  # an echo may come this long after the sound before its mark (exotel.md 1.9)
_JITTER: Final = 0.5  # the line plays later than our clock says, by the network's delay
PROBE_S: Final = 1.0  # at most one mark per this time only to learn from its echo
_ECHOLESS_S: Final = 5.0  # after this long without an echo no more are expected
_MISSED_S: Final = 7.0  # an echo may be this late: a stall of five seconds, and what the line then has to play
_OVERDUE_S: Final = 0.25  # an echo later than this beyond the way there and back: the network may stand still
_PROBE: Final = "probe-"

HeardCallback = Callable[[str, int, bool], None]
"""(utterance, milliseconds heard, interrupted)"""


class _Mark:  # no dataclass: those are made by Python
    def __init__(self, name: str, due: float, after: int) -> None:
        self.name = name
        self.due = due
        """When the line has played what is before it, by our clock."""
        self.after = after
        """What the line had been sent before it, in samples."""
        self.ends_utterance = not name.startswith(_PROBE)


class Heard:
    """The marks of one line, sent and echoed. `answers` gets the time when the first sound of each utterance is on the
    line.
    """

    def __init__(
        self, clock: LineClock, quality: Quality, on_heard: HeardCallback, answers: Answers | None = None
    ) -> None:
        self._clock = clock
        self._quality = quality
        self._on_heard = on_heard
        self._answers = answers
        self._sent: dict[str, int] = {}
        self.marks: list[_Mark] = []
        """Sent, and not echoed yet."""
        self._probes = 0
        self.marked_at = float("-inf")
        """When a mark was last sent; those before the first probe don't count."""
        self._unanswered_since: float | None = None
        self._echoes_marks = False
        self.changed = Flag()
        self.open_utterance = ""
        """The utterance whose end has yet to be sent."""
        self.speech_until = -_JITTER
        """When the last speech sent will have been played."""

    @property
    def awaited(self) -> bool:
        """Whether an utterance has ended whose echo has not arrived."""
        return any(mark.ends_utterance for mark in self.marks)

    def milliseconds(self, utterance: str, now: float) -> int:
        """How much of `utterance` the caller has heard by now."""
        return self._clock.heard(utterance, now) * 1000 // self._clock.rate_hz

    def sent(self, frame: Frame) -> None:
        """A frame with speech was sent to the line."""
        clock, sent, last = self._clock, self._sent, ""
        for span in frame.spans:
            last = span.utterance
            if last in sent:
                sent[last] += span.samples
                continue
            sent[last] = span.samples
            if self._answers is not None:
                starts_at = clock.dry_at - frame.samples / clock.rate_hz
                self._answers.on_line(last, starts_at + span.offset / clock.rate_hz)
        self.speech_until = clock.dry_at
        self.open_utterance = "" if last in frame.ended else last

    def marked(self, utterance: str, now: float) -> None:
        """The mark at the end of `utterance` was sent to the line."""
        if utterance == self.open_utterance:
            self.open_utterance = ""
        self.speech_until = max(self.speech_until, now)  # its echo can't come before that
        self._add(utterance, now)

    def probe(self, now: float) -> str | None:
        """The name of a mark to send now, only to learn when the line plays it; None if none is needed."""
        unanswered = self._unanswered_since is not None and now - self._unanswered_since > _ECHOLESS_S
        if unanswered or now - self.marked_at < PROBE_S:
            return None
        self._probes += 1
        name = f"{_PROBE}{self._probes}"
        self._add(name, now)
        return name

    def _add(self, name: str, now: float) -> None:
        self.marks.append(_Mark(name, max(self._clock.dry_at, now), self._clock.samples))
        if self._probes:
            self.marked_at = now
        if self._unanswered_since is None:
            self._unanswered_since = now

    def echoed(self, name: str, now: float) -> float | None:
        """The line has played everything up to this mark. Returns its delay by our clock.

        None for a mark that was cleared or is unknown: its echo means nothing (exotel.md 1.6).
        """
        if all(mark.name != name for mark in self.marks):
            return None
        while True:
            mark = self.marks.pop(0)
            if mark.ends_utterance:
                self._on_heard(mark.name, self._sent.get(mark.name, 0) * 1000 // self._clock.rate_hz, False)
            if mark.name == name:
                break
        self._unanswered_since = now if self.marks else None
        self._echoes_marks = True
        self.changed.set()
        return now - mark.due

    def expect_no_echo(self) -> None:
        """The line is no longer read: an echo that is missing says nothing about it."""
        self._echoes_marks = False

    def behind_s(self, name: str) -> float:
        """Seconds of sound that the line was sent after this mark."""
        samples = next((self._clock.samples - mark.after for mark in self.marks if mark.name == name), 0)
        return samples / self._clock.rate_hz

    def missing_until(self, way_s: float, now: float) -> float | None:
        """While the echo of a mark is overdue on a line that echoes them: when it is no longer expected, else None.

        `way_s`: the line's shortest round trip.
        """
        if not self._echoes_marks or not self.marks or self._unanswered_since is None:
            return None
        until = self._unanswered_since + _MISSED_S
        overdue = now - self.marks[0].due > way_s + _OVERDUE_S
        return until if overdue and now < until else None

    def moved(self, seconds: float) -> None:
        """The line plays `seconds` later than assumed."""
        for mark in self.marks:
            mark.due += seconds
        self.speech_until += seconds

    def expected_by(self, unsent_s: float, now: float, *, ending: bool) -> float:
        """When the caller has heard all speech so far, with some tolerance if an echo will confirm it.

        `unsent_s`: seconds of it still to be sent; `ending`: an end is still to be reported.
        """
        start = max(self.speech_until, now) if unsent_s or ending else self.speech_until
        return start + unsent_s + (MARK_GRACE if self.awaited or ending else 0.0)

    def speaking(self, now: float) -> bool:
        """Whether some of what was sent may still be unheard."""
        return self.awaited or self.speech_until + _JITTER > now

    def give_up(self, cut: Iterable[str], now: float, *, lost: bool) -> None:
        """Report by the clock what was heard without an echo to confirm it; `cut`: more of it existed.

        `lost`: echoes were expected and did not arrive.
        """
        ended = [mark.name for mark in self.marks if mark.ends_utterance]
        self._quality.marks_lost += len(ended) if lost else 0
        cut = tuple(cut)
        for utterance in dict.fromkeys([*ended, self.open_utterance, *cut]):
            if utterance:
                self._on_heard(utterance, self.milliseconds(utterance, now), utterance in cut)
        self.marks.clear()
        self.open_utterance = ""
        self.changed.set()
