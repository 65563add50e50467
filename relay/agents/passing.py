"""Passes the events in a vendor's messages on, in the moment in which a message arrives where nothing has to wait."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from relay.agents.seam import AgentEvent, Ended, Notice, Take
from relay.at_once import DONE, Later


def parts_of(found: Iterable[Any], ahead: list[Any], told: list[str]) -> list[Any]:
    """The parts of a message, after what came before it, `ahead`, which is empty then. `told`: notices that were
    logged already.
    """
    if not ahead and type(found) is list and len(found) == 1 and not isinstance(found[0], Notice):
        return [found[0]]  # usually
    parts = [part for part in (*ahead, *found) if not _is_told(part, told)]
    ahead.clear()
    return parts


def _is_told(notice: Any, told: list[str]) -> bool:
    """Malformed and unknown messages are logged once per call: a vendor's new messages must not fill the log."""
    if not isinstance(notice, Notice) or notice.kind not in {"malformed", "unknown"}:
        return False
    key = notice.text if notice.kind == "unknown" else notice.kind
    if key in told:
        return True
    told.append(key)
    return False


class Passing:
    """Of one session, until the event that ends it. `decode`, `react_now`, `react`: as Reading's. `ahead`, `told`: as
    parts_of's.
    """

    def __init__(
        self,
        take: Take,
        decode: Callable[[bytes], Iterable[Any]],
        react_now: Callable[[Any], Iterable[AgentEvent] | None],
        react: Callable[[Any], Awaitable[Iterable[AgentEvent]]],
        ahead: list[Any],
        told: list[str],
    ) -> None:
        self.over = False
        self._take = take
        self._decode = decode
        self._ahead = ahead
        self._told = told
        self._react_now = react_now
        self._react = react

    def arrived(self, message: bytes) -> Awaitable[None]:
        """As `on`, for all in a message."""
        return self.on((), parts_of(self._decode(message), self._ahead, self._told))

    def on(self, events: Iterable[AgentEvent], decoded: list[Any]) -> Awaitable[None]:
        """`events`, and then those in `decoded`, parts of messages. What is returned does the rest (relay.at_once)."""
        waiting = iter(events)
        while True:
            for event in waiting:
                if self.over:
                    return DONE
                self.over = isinstance(event, Ended)
                rest = self._take(event)
                if rest is not DONE:
                    return Later(partial(self._go_on, rest, waiting, decoded))
            if not decoded or self.over:
                return DONE
            part = decoded.pop(0)
            found = self._react_now(part)
            if found is None:
                return Later(partial(self._go_on_with, part, decoded))
            waiting = iter(found)

    async def _go_on(self, rest: Awaitable[None], events: Iterable[AgentEvent], decoded: list[Any]) -> None:
        await rest
        await self.on(events, decoded)

    async def _go_on_with(self, part: Any, decoded: list[Any]) -> None:
        await self.on(await self._react(part), decoded)
