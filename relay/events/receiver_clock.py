"""The receiver's clock, which is used for signatures."""

from email.utils import parsedate_to_datetime
from time import time
from typing import Final

from relay.logs import log

_TOLERANCE: Final = 60.0  # smaller differences are ignored, and more than a day is not believed
_DISBELIEF: Final = 86_400.0


class ReceiverClock:
    """A wrong clock here would make signatures invalid, so later requests are signed with the receiver's time."""

    def __init__(self) -> None:
        self._off_s = 0.0

    def now(self) -> float:
        """Unix seconds, by the receiver's clock."""
        return time() + self._off_s

    def set_by(self, date: str) -> None:
        """`date`: the Date header of an answer."""
        try:
            off_s = parsedate_to_datetime(date).timestamp() - time()
        except ValueError:
            return
        self._off_s = off_s if _TOLERANCE < abs(off_s) < _DISBELIEF else 0.0
        if self._off_s:
            log.warning(
                "the clock differs from the receiver's by %.0f s: events are signed with the receiver's time",
                -off_s,
                extra={"event": "clock_wrong", "off_s": round(-off_s)},
            )
