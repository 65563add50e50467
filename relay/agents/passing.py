"""Passes the events in a vendor's messages on, in the moment in which a message arrives where nothing has to wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from relay.agents.seam import AgentEvent, Ended, Notice, Take
from relay.agents.socket import HANDLED, Closed, Hear
from relay.at_once import DONE, Later


class Passing:
    """Of one session, until the event that ends it. `react_now` and `react`: see Reading."""

    def __init__(
        self,
        take: Take,
        react_now: Callable[[Any], Iterable[AgentEvent] | None],
        react: Callable[[Any], Awaitable[Iterable[AgentEvent]]],
    ) -> None:
        self.over = False
        self._take = take
        self._react_now = react_now
        self._react = react

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


class Reading:
    """What a session does with its messages, one after another. A vendor adds the methods without a body."""

    def __init__(self) -> None:
        self._defect: BaseException | None = None
        self._told: list[str] = []  # notices that were logged already
        self._ahead: list[Any] = []  # events from the message that `connect` waited for, and our own
        self._passing: Passing | None = None

    def _receive(self, hear: Hear | None = None) -> Awaitable[bytes | Closed]:
        """See AgentSocket."""
        raise NotImplementedError

    def _decode(self, message: bytes) -> Iterable[Any]:
        """The vendor's codec."""
        raise NotImplementedError

    async def _react(self, decoded: Any) -> Iterable[AgentEvent]:
        """The events for the call in a part of a message."""
        raise NotImplementedError

    def _react_now(self, decoded: Any) -> Iterable[AgentEvent] | None:
        """Like `_react`, for what never has to wait, sound above all: it is then handled in the moment in which it
        arrives. None: `_react` has to be asked.
        """
        return None

    async def _events_in(self, decoded: Any) -> Iterable[AgentEvent]:
        found = self._react_now(decoded)
        return await self._react(decoded) if found is None else found

    def _closed(self, closed: Closed) -> Ended:
        """The vendor closed the socket."""
        raise NotImplementedError

    def _unsaid(self) -> Iterable[AgentEvent]:
        """Events for text that came in pieces and will not be completed."""
        return ()

    async def events(self) -> AsyncIterator[AgentEvent]:
        """All events until the end of the conversation."""
        while True:
            message = await self._receive()
            if self._defect is not None:
                raise self._defect
            if isinstance(message, Closed):
                for event in self._unsaid():
                    yield event
                yield self._closed(message)
                return
            for decoded in self._decoded(message):
                for event in await self._events_in(decoded):
                    yield event
                    if isinstance(event, Ended):
                        return
                    del event
                del decoded
            del message  # a piece of sound takes kilobytes: nothing is kept while nothing comes

    async def pass_events(self, take: Take) -> None:
        """See PassesEvents."""
        if type(self).events is not Reading.events:  # a vendor's own
            async for event in self.events():
                await take(event)
            return
        passing = self._passing = Passing(take, self._react_now, self._react)
        try:
            while not passing.over:
                message = await self._receive(self._arrived)
                if self._defect is not None:
                    raise self._defect
                if isinstance(message, Closed):
                    await passing.on((*self._unsaid(), self._closed(message)), [])
                elif message is not HANDLED:
                    await self._arrived(message)
                    await asyncio.sleep(0)  # several came together: let the other calls run in between
                del message
        finally:
            self._passing = None

    def _arrived(self, message: bytes) -> Awaitable[None]:
        return DONE if self._passing is None else self._passing.on((), self._decoded(message))

    def _decoded(self, message: bytes) -> list[Any]:
        """The parts of a message, after what came with those that `connect` waited for."""
        ahead, self._ahead = self._ahead, []
        return [part for part in (*ahead, *self._decode(message)) if not self._is_told(part)]

    def _is_told(self, notice: Any) -> bool:
        """Malformed and unknown messages are logged once per call: a vendor's new messages must not fill the log."""
        if not isinstance(notice, Notice) or notice.kind not in {"malformed", "unknown"}:
            return False
        key = notice.text if notice.kind == "unknown" else notice.kind
        if key in self._told:
            return True
        self._told.append(key)
        return False
