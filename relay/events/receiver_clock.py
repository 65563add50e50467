"""The clock that signatures are judged by: the receiver's."""

from email.utils import parsedate_to_datetime
from time import time
from typing import Final

from relay.logs import log

_TOLERANCE: Final = 60.0  # clocks that differ by less are left alone, by more than a day are not believed
_DISBELIEF: Final = 86_400.0


class ReceiverClock:
    """A signature is refused, too, when our clock is wrong; so what follows is signed by the receiver's."""

    def __init__(self) -> None:
        self._off_s = 0.0

    def now(self) -> float:
        """Unix seconds, as the receiver has them."""
        return time() + self._off_s

    def set_by(self, date: str) -> None:
        """`date`: the header of an answer."""
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
