"""What failed orders mean for a list: how long to wait before the next one, and when to stop."""

from console.exotel.errors import ExotelError, Refused, Throttled, Unreachable

BACK_OFF_S = (5.0, 15.0, 30.0, 60.0)
FAILURES_IN_A_ROW = 3
UNREACHABLE_IN_A_ROW = 6
FOR_ALL = {
    401: "copy key and token from the dashboard again",
    402: "recharge the account",
    403: "ask Exotel's support whether Connect Voice AI is switched on",
}
"""Refusals that every other number would meet, too, and what to do."""


class Failures:
    """Those since the last order that Exotel accepted."""

    def __init__(self) -> None:
        self._in_a_row = self._back_offs = 0

    def accepted(self) -> None:
        """An order has placed a call."""
        self._in_a_row = self._back_offs = 0

    def again_in(self, error: Throttled | Unreachable) -> float:
        """Seconds to wait before the same number is tried again: longer each time."""
        wait_s = BACK_OFF_S[min(self._back_offs, len(BACK_OFF_S) - 1)]
        self._back_offs += 1
        return max(wait_s, error.retry_after_s or 0.0) if isinstance(error, Throttled) else wait_s

    def stops(self, error: ExotelError) -> str:
        """Why the list has to stop after this failure, empty if it goes on.

        After a few in a row the numbers are not the cause, and going on would only make more of them unknown.
        """
        if isinstance(error, Throttled):  # waiting helps
            return ""
        if isinstance(error, Refused) and error.status in FOR_ALL:
            return f"{error}. That is about the account, not the number: {FOR_ALL[error.status]}"
        self._in_a_row += 1
        if self._in_a_row < (UNREACHABLE_IN_A_ROW if isinstance(error, Unreachable) else FAILURES_IN_A_ROW):
            return ""
        return f"{self._in_a_row} orders in a row failed, the last one with: {error}"
