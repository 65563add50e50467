"""Requests replies from OpenAI, one at a time: the server allows no second one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from relay.agents.openai.requests import REPLY_IDS

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Replies:
    """Knows the current response and what is still unanswered; `send` sends a message."""

    def __init__(self, send: Send) -> None:
        self.running = ""
        """The response that is being made."""
        self._send = send
        self._asked = False  # requested from the server, and neither begun nor refused yet
        self._wanted = False
        self._caller_speaks = False
        self._number = 0

    async def want(self, *, unanswered: bool = False, **response: Any) -> None:
        """Something new needs an answer. With `unanswered` more will follow, and one reply answers everything."""
        self._wanted = True
        await self._ask(unanswered, **response)

    async def done(self, response_id: str, *, unanswered: bool) -> None:
        """A response is over."""
        if response_id == self.running:
            self.running = ""
        await self._ask(unanswered)

    def began(self, response_id: str) -> None:
        """A response has begun.

        One that the server makes after the caller spoke answers everything that was waiting.
        """
        self.running = response_id
        self._asked = False
        if self._caller_speaks:
            self._caller_speaks = self._wanted = False

    def caller_speaks(self) -> None:
        """The server makes a reply by itself when the caller has finished."""
        self._caller_speaks = True

    async def refused(self, *, busy: bool, unanswered: bool) -> None:
        """A requested reply will not come. If the server had just begun another, request it after that one."""
        self._asked = False
        if not busy:
            return
        self._wanted = True
        if not self.running:
            await self._ask(unanswered)

    def close(self) -> None:
        """Request nothing more."""
        self._send = _nothing

    async def _ask(self, unanswered: bool, **response: Any) -> None:
        if not self._wanted or self._asked or self.running or unanswered or self._caller_speaks:
            return
        self._wanted, self._asked = False, True
        self._number += 1
        request: dict[str, Any] = {"type": "response.create", "event_id": f"{REPLY_IDS}{self._number}"}
        await self._send({**request, "response": response} if response else request)


async def _nothing(message: Mapping[str, Any]) -> None:
    """Sends nothing: the conversation is over."""
