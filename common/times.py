"""Formats of times: RFC 3339, UTC, milliseconds (docs/contracts.md), and Exotel's own."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_IST = timezone(timedelta(hours=5, minutes=30))
_EARLIEST, _LATEST = 946_684_800.0, 4_102_444_800.0  # 2000 and 2100: milliseconds passed as seconds are outside


def moment(unix: float | None) -> float | None:
    """`unix` seconds if a call is possible at that time (2000 to 2100), else None: not every number is a time."""
    return unix if unix is not None and _EARLIEST <= unix < _LATEST else None


def rfc3339(unix: float) -> str:
    """`unix` seconds as `2026-11-23T10:00:00.000Z`. Raises if `moment` returns None."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_unix(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None for anything else, including a time without a zone."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return moment(at.timestamp()) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def from_exotel(text: str | None) -> float | None:
    """Unix seconds of one of Exotel's times, which are Indian time without a zone (exotel.md 2.1).

    Documented is `2026-11-23 15:30:00`; the line's `Created` is `Mon, 23 Nov 2026 15:30:00`.
    """
    try:
        at = _exotel_time(text or "")
        return moment((at if at.tzinfo else at.replace(tzinfo=_IST)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):  # raised by the standard library's parser
        return None


def _exotel_time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return parsedate_to_datetime(text)
