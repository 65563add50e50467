"""Passes the events in a vendor's messages on, in the moment in which a message arrives where nothing has to wait."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from relay.agents.seam import AgentEvent, Ended, Take
from relay.at_once import DONE, Later


class Passing:
    """Of one session, until the event that ends it. `decoded`: the parts of a message. `react_now`, `react`: as
    Reading's.
    """

    def __init__(
        self,
        take: Take,
        decoded: Callable[[bytes], list[Any]],
        react_now: Callable[[Any], Iterable[AgentEvent] | None],
        react: Callable[[Any], Awaitable[Iterable[AgentEvent]]],
    ) -> None:
        self.over = False
        self._take = take
        self._decoded = decoded
        self._react_now = react_now
        self._react = react

    def arrived(self, message: bytes) -> Awaitable[None]:
        """As `on`, for all in a message."""
        return self.on((), self._decoded(message))

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
