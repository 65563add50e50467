"""What can come of a request to Exotel. For an order it matters most whether a call may have been placed:

ExotelError
├── Unreachable    nothing was sent: no address, no connection, no TLS
├── Refused        an answer that says no (4xx): nothing was placed
│   └── Throttled  … because there were too many requests (429)
└── Unanswered     it was sent, and what came of it is not known: no answer, a broken one, or a 5xx
"""


class ExotelError(Exception):
    """`status` is 0 where there was no answer. The message is a sentence without secrets."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(ExotelError):  # noqa: N818 - reads as the fact it is
    """Nothing was sent."""


class Refused(ExotelError):  # noqa: N818 - as above
    """Exotel said no."""


class Throttled(Refused):
    """Too many requests; `retry_after_s` is None when Exotel did not say when to come again."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message, 429)
        self.retry_after_s = retry_after_s


class Unanswered(ExotelError):  # noqa: N818 - as above
    """The request went out; nobody knows what it did."""
