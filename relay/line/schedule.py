"""When the next frame is sent to a line, and what it contains (design D2). Pure: it gets the time."""

from collections.abc import Callable
from typing import Final

from relay.audio.edges import CUT_SECONDS
from relay.audio.holdback import Holdback
from relay.audio.line_clock import LineClock
from relay.audio.playout import Frame, Playout, Readiness
from relay.line.framing import Framing
from relay.line.heard import Heard
from relay.line.lead import Lead

_MARGIN: Final = 0.03  # reserve for the network when waiting for speech
_NOTHING, _AMBIENCE, _EDGE, _FULL = Readiness.NOTHING, Readiness.AMBIENCE, Readiness.EDGE, Readiness.FULL


class Step:
    """The next thing to do. `count`: samples to send, 0 for only checking again. The rest as in Playout.pull."""

    __slots__ = ("count", "due", "held", "tear")

    def __init__(self, due: float, count: int = 0, held: str = "", *, tear: bool = False) -> None:
        self.due = due
        self.count = count
        self.held = held
        self.tear = tear


class Schedule:
    """The schedule of one line: `clock` says when it runs dry, `lead` what it should hold, `heard` what it echoes."""

    def __init__(
        self,
        framing: Framing,
        playout: Playout,
        clock: LineClock,
        lead: Lead,
        heard: Heard,
        stood_still: Callable[[float], float] = lambda now: 0.0,
    ) -> None:
        """`stood_still`: see Ticker."""
        self._framing = framing
        self._frame = framing.frame
        self._playout = playout
        self._clock = clock
        self._lead = lead
        self._heard = heard
        self._stood_still = stood_still
        self.ahead_s = 0.0
        """What a line that is late holds more of than it need: speech is not held back for that."""
        self._withheld_since: float | None = None
        self.new_agent()

    def new_agent(self) -> None:
        """Another agent is going to speak: forget what was learned of the last one."""
        unit_s = self._framing.unit / self._framing.rate_hz
        self._holdback = Holdback(unit_s + self._margin + CUT_SECONDS)

    def waited(self, now: float) -> bool:
        """Whether ambience was withheld for an echo that came now.

        Not if the echo was missed for less than a frame: then this process stood still, not the network.
        """
        since, self._withheld_since = self._withheld_since, None
        return since is not None and now - since >= self._framing.frame_s

    def said(self, utterance: str, samples: int, now: float) -> None:
        """This much of `utterance` has arrived."""
        self._holdback.arrived(utterance, samples / self._framing.rate_hz, now)

    def next(self, now: float) -> Step | None:
        """What to send next, and when; None if there is nothing.

        A frame is sent when the line holds no more than its reserve. Speech shorter than a frame waits for more almost
        until the line runs dry, because padding would be a hole in a word; then it is sent as it is. No ambience is
        sent while an echo is overdue.
        """
        dry_at, playout, held = self._clock.dry_at, self._playout, ""
        due = dry_at - self._lead.reserve_s
        if playout.resting:
            if self._heard.marks:
                return self._ambience(due, now)
            self._withheld_since = None
            return Step(due, self._frame)  # most frames of a call
        if playout.goes_on(self._frame):  # most frames of speech
            return Step(due - self.ahead_s, self._frame)
        heard_at = opens_at = dry_at if dry_at > now else now
        if opening := playout.opening:
            opens_at = self._holdback.opens_at(opening, playout.queued_samples / self._framing.rate_hz)
            held = opening if opens_at > heard_at else ""
        readiness = playout.readiness(self._frame, held=held)
        if readiness is _AMBIENCE and held:
            self._withheld_since = None
            return Step(due, self._until(opens_at - heard_at), held)
        if readiness is _AMBIENCE:
            return self._ambience(due, now)
        if readiness is _FULL:
            return Step(due - self.ahead_s, self._frame, held)
        if readiness is _EDGE:
            return Step(due, self._framing.unit, held)
        if readiness is _NOTHING:
            return Step(opens_at) if held else None
        whole = playout.available // self._framing.unit * self._framing.unit
        return Step(dry_at - self._margin, whole or self._framing.unit, tear=not whole)

    def _ambience(self, due: float, now: float) -> Step:
        """A whole frame of it.

        The network may stand still: what it is sent now is played after that, and before the next answer.
        """
        until = self._heard.missing_until(self._lead.way_s, now)
        if until is not None and (own_s := self._stood_still(now)):  # the echo may have come, and waits to be read
            until = self._heard.missing_until(self._lead.way_s + own_s, now)
        if until is not None:
            self._withheld_since = self._withheld_since or now
            return Step(until)
        self._withheld_since = None
        return Step(due, self._frame)

    def take(self, step: Step, now: float) -> Frame:
        """The frame of `step`, which is due."""
        frame = self._playout.pull(step.count, held=step.held, tear=step.tear)
        if step.tear and self._playout.opening:
            self._holdback.ran_dry(now)
        if frame.pcm and not frame.spans:
            self.ahead_s = 0.0
        return frame

    @property
    def _margin(self) -> float:
        return min(_MARGIN, self._lead.reserve_s)

    def _until(self, seconds: float) -> int:
        """Samples of a frame that should end about `seconds` from now: speech is to begin then."""
        units = -(-round(seconds * self._framing.rate_hz) // self._framing.unit)
        return max(1, min(units, self._framing.frame // self._framing.unit)) * self._framing.unit
