"""Times as the parts write them: RFC 3339, UTC, milliseconds (docs/contracts.md), and Exotel's own."""

from datetime import UTC, datetime, timedelta, timezone

_IST = timezone(timedelta(hours=5, minutes=30))


def rfc3339(unix: float) -> str:
    """`unix` seconds as `2026-11-23T10:00:00.000Z`."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_unix(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None for anything else, also for a time without a zone."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.timestamp() if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def from_exotel(text: str | None) -> float | None:
    """Unix seconds of Exotel's `2026-11-23 15:30:00`, which is Indian time without saying so (exotel.md 2.1)."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=_IST).timestamp()
    except (ValueError, OverflowError):
        return None
