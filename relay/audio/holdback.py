"""How long to hold the first words of an utterance back, so that the rest arrives in time.

Pure: every method gets the time. Most agents send an utterance faster than it is spoken: theirs need not wait. An agent
that sends its speech in real time, piece by piece, is always close to being late. The lateness of its pieces, relative
to the sound before them, is learned from utterance to utterance.
"""

from array import array
from typing import Final

_UNKNOWN_S: Final = 0.11  # a longer first piece is taken for a burst. Pieces of 100 ms are often a little longer
_MOST_S: Final = 0.3  # no answer waits for longer
_PAUSE_S: Final = 0.5  # an agent silent for longer has paused: ignored
_REMEMBERED: Final = 5  # utterances
_LATELY: Final = 10  # pieces
_STUTTER_S: Final = 1.0  # two holes this close together: an agent slower than speech
_GATHERED_S: Final = 0.3  # … is heard again when this much is there
_PATIENCE_S: Final = 0.6  # … or after this long without more sound


class Holdback:
    """For one agent. `slack_s`: how long before its time a piece must be there."""

    def __init__(self, slack_s: float) -> None:
        self._slack_s = slack_s
        self._needs = array("d")  # a list of floats takes three times as much
        self._utterance = ""
        self._began_at = self._arrived_at = 0.0
        self._first_s = self._total_s = 0.0
        self._worst_s: float | None = None
        self._lags = array("d")  # of the last pieces
        self._rise_s = self._least_s = 0.0
        self._holes: tuple[float, ...] = ()
        self._gathering = self._dry = self._quick = False

    def arrived(self, utterance: str, seconds: float, now: float) -> None:
        """More sound of `utterance` has arrived."""
        if utterance != self._utterance:
            self._learn()
            self._utterance = utterance
            self._gathering = self._dry = False
            self._holes = ()
            self._begin(seconds, now)
        else:
            self._note_lag(now - self._began_at - self._total_s)
            if self._dry:
                self._learn()
                self._begin(seconds, now)
        self._arrived_at = now
        self._total_s += seconds

    def opens_at(self, utterance: str, queued_s: float) -> float:
        """The earliest time at which `utterance` may be heard first; `queued_s` of it are waiting."""
        if utterance != self._utterance:
            return 0.0
        if self._gathering:
            return 0.0 if queued_s >= _GATHERED_S else self._arrived_at + _PATIENCE_S
        if self._quick:
            return 0.0
        if not self._needs:
            return 0.0 if self._first_s > max(_UNKNOWN_S, self._slack_s) else self._began_at + self._slack_s
        return self._began_at + max(0.0, *self._needs)

    def ran_dry(self, now: float) -> None:
        """There is a hole in the utterance: start again with what comes next."""
        self._holes = (*self._holes[-1:], now)
        self._gathering |= len(self._holes) == 2 and now - self._holes[0] < _STUTTER_S
        self._dry = True

    def _begin(self, first_s: float, now: float) -> None:
        self._began_at, self._first_s, self._total_s = now, first_s, 0.0
        self._dry = self._quick = False

    def _note_lag(self, lag_s: float) -> None:
        """A piece arrived this long after the sound before it would have ended."""
        self._quick = lag_s <= -self._slack_s
        if lag_s < _PAUSE_S:
            self._worst_s = lag_s if self._worst_s is None else max(self._worst_s, lag_s)
            self._lags.append(lag_s)
            del self._lags[:-_LATELY]
            self._rise_s = max(self._rise_s, lag_s - min(self._lags))
            self._least_s = min(self._least_s, lag_s)

    def _learn(self) -> None:
        if self._worst_s is not None:
            in_real_time = self._least_s > -_UNKNOWN_S
            # The first piece may have been late itself. That of the next utterance may be as quick as the quickest.
            late_s = max(self._worst_s, self._rise_s) if in_real_time else self._worst_s
            self._needs.append(min(_MOST_S, late_s + self._slack_s))
            del self._needs[:-_REMEMBERED]
        self._worst_s, self._lags, self._rise_s, self._least_s = None, array("d"), 0.0, 0.0
