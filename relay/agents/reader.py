"""What a session does with its messages, one after another: from the vendor's words to the events of the call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from relay.agents.passing import Passing, parts_of
from relay.agents.seam import AgentEvent, Ended, Take
from relay.agents.socket import HANDLED, Closed, Hear


class Reading:
    """What a session does with its messages, one after another. A vendor adds the methods without a body."""

    _decode: Callable[[bytes], Iterable[Any]]
    """The vendor's codec."""

    def __init__(self) -> None:
        self._defect: BaseException | None = None
        self._told: list[str] = []  # notices that were logged already
        self._ahead: list[Any] = []  # events from the message that `connect` waited for, and our own

    def _receive(self, hear: Hear | None = None) -> Awaitable[bytes | Closed]:
        """See AgentSocket."""
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
        passing = Passing(take, self._decode, self._react_now, self._react, self._ahead, self._told)
        while not passing.over:
            message = await self._receive(passing.arrived)
            if self._defect is not None:
                raise self._defect
            if isinstance(message, Closed):
                await passing.on((*self._unsaid(), self._closed(message)), [])
            elif message is not HANDLED:
                await passing.arrived(message)
                await asyncio.sleep(0)  # several came together: let the other calls run in between
            del message

    def _decoded(self, message: bytes) -> list[Any]:
        """The parts of a message, after what came with those that `connect` waited for."""
        return parts_of(self._decode(message), self._ahead, self._told)
