"""The vendor's API during one run of the sweep: a bad answer affects one item, and a service that is down is left
alone.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from functions.common import log
from functions.webhook.api import ApiClosedError, ApiError, ConversationsApi

T = TypeVar("T")

_IN_A_ROW = 3


class Tried(Enum):
    """The outcome of an attempt to fetch something."""

    HAD = auto()
    NOT_YET = auto()  # requested, and missing or unreadable
    NOT_TRIED = auto()  # the service was not asked


class Outage:
    """Whether the service is worth another request in this run: not after three failures in a row."""

    def __init__(self) -> None:
        self.failed = 0
        self._in_a_row = 0

    @property
    def lasts(self) -> bool:
        return self._in_a_row >= _IN_A_ROW

    def worked(self) -> None:
        self._in_a_row = 0

    def failure(self, *, closed: bool = False) -> None:
        """`closed`: one failure is enough, because the service itself says so."""
        self.failed += 1
        self._in_a_row = _IN_A_ROW if closed else self._in_a_row + 1


class Vendor:
    """Uses `api`, logs failures, and stops after too many."""

    def __init__(self, api: ConversationsApi) -> None:
        self.api = api
        self.outage = Outage()

    def attempt(self, ask: Callable[[ConversationsApi], T | None], call_sid: str = "") -> tuple[Tried, T | None]:
        """The result of `ask`, which may return None for "not yet", and raise ApiError."""
        if self.outage.lasts:
            return Tried.NOT_TRIED, None
        try:
            found = ask(self.api)
        except ApiError as error:
            closed = isinstance(error, ApiClosedError)
            self.outage.failure(closed=closed)
            log.error("repair_failed", str(error), call_sid=call_sid or None)
            return (Tried.NOT_TRIED if closed else Tried.NOT_YET), None
        self.outage.worked()
        return (Tried.NOT_YET if found is None else Tried.HAD), found
