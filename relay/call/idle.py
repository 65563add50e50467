"""When a caller has been silent for too long, and when an agent's time is over.

Pure: gets what was heard and when (seconds of the event loop's clock), and returns what is due.
"""

from enum import Enum, auto
from typing import Final

GOODBYE_QUIET: Final = 2.0  # seconds of silence after which the agent has said goodbye
GOODBYE_LIMIT: Final = 10.0  # seconds to wait for a goodbye that doesn't begin
_BY_ITSELF: Final = 4.0  # an agent that speaks after this much silence does so because nobody has answered it
WARNING_S: Final = 60.0  # seconds before the end of its time at which the agent is warned


class Due(Enum):
    """What is due now."""

    NOTHING = auto()
    ASK = auto()
    """Find out whether the caller is still there."""
    GOODBYE = auto()
    """Nobody is: say so, and end."""
    END = auto()
    """The goodbye was said, or is not coming."""


class IdleClock:
    """`idle_s`: seconds in which nobody speaks; `attempts`: how often to ask the caller before giving up."""

    def __init__(self, idle_s: float, attempts: int, now: float) -> None:
        self._idle_s = idle_s
        self._attempts = attempts
        self._quiet_since = now
        self._caller_at = now
        self.asked = 0
        """How often the caller has been asked since they last spoke."""
        self._prompted = False
        self._was_speaking = False
        self._leaving_since: float | None = None
        self._goodbye_heard = False

    def look(self, now: float, *, caller_at: float, speaking: bool, busy: bool) -> Due:
        """`caller_at`: when the caller was last heard, or pressed a key. `speaking`: the agent is being heard. `busy`:
        the silence has a reason, such as a running tool. Called about once a second.
        """
        if caller_at > self._caller_at:
            self._caller_at = caller_at
            self._quiet_since = max(self._quiet_since, caller_at)
            self.asked, self._leaving_since = 0, None
        if speaking and not self._was_speaking:
            # some agents ask by themselves after a while: count that, or it would go on for ever
            if not self._prompted and self._leaving_since is None and now - self._quiet_since >= _BY_ITSELF:
                self.asked = min(self.asked + 1, self._attempts)
            self._prompted = False
        self._was_speaking = speaking
        if speaking or busy:
            self._quiet_since = now
            self._goodbye_heard |= speaking
        if self._leaving_since is not None:
            return self._left(now, self._leaving_since)
        if now - self._quiet_since < self._idle_s:
            return Due.NOTHING
        self._quiet_since = now
        if self.asked < self._attempts:
            self.asked += 1
            self._prompted = True
            return Due.ASK
        self._leaving_since, self._goodbye_heard = now, False
        return Due.GOODBYE

    def _left(self, now: float, since: float) -> Due:
        if self._goodbye_heard and now - self._quiet_since >= GOODBYE_QUIET:
            return Due.END
        return Due.END if now - since >= GOODBYE_LIMIT and now > self._quiet_since else Due.NOTHING


class TimeLeft:
    """`max_s`: how long an agent may have a call that it got at `began`."""

    def __init__(self, max_s: float, began: float) -> None:
        self._over_at = began + max_s
        self._warn_at = self._over_at - min(WARNING_S, max_s / 2)
        self._warned = False

    def warning(self, now: float) -> int | None:
        """The seconds that are left: returned once, a minute before the end (or half-way through a shorter time)."""
        if self._warned or now < self._warn_at:
            return None
        self._warned = True
        return max(0, round(self._over_at - now))

    def is_over(self, now: float) -> bool:
        """Whether its time is up."""
        return now >= self._over_at
