"""Asking OpenAI for a reply when nothing stands in its way: there can only be one at a time."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from relay.agents.openai.requests import REPLY_IDS

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Replies:
    """Knows what is being made and what is still to be answered; `send` sends a message."""

    def __init__(self, send: Send) -> None:
        self.running = ""
        """The response that is being made."""
        self._send = send
        self._asked = False  # of the server, which has not begun it or refused it yet
        self._wanted = False
        self._caller_speaks = False
        self._number = 0

    async def want(self, *, unanswered: bool = False, **response: Any) -> None:
        """Something new is to be answered. With `unanswered` more is about to follow, and one reply answers all."""
        self._wanted = True
        await self._ask(unanswered, **response)

    async def done(self, response_id: str, *, unanswered: bool) -> None:
        """A response is over."""
        if response_id == self.running:
            self.running = ""
        await self._ask(unanswered)

    def began(self, response_id: str) -> None:
        """A response has begun. One that the server makes when the caller has spoken answers all that waited."""
        self.running = response_id
        self._asked = False
        if self._caller_speaks:
            self._caller_speaks = self._wanted = False

    def caller_speaks(self) -> None:
        """The server makes a reply by itself when the caller has finished."""
        self._caller_speaks = True

    async def refused(self, *, busy: bool, unanswered: bool) -> None:
        """What was asked for is not coming. If it met a reply that the server had just begun, ask when that is over."""
        self._asked = False
        if not busy:
            return
        self._wanted = True
        if not self.running:
            await self._ask(unanswered)

    async def _ask(self, unanswered: bool, **response: Any) -> None:
        if not self._wanted or self._asked or self.running or unanswered or self._caller_speaks:
            return
        self._wanted, self._asked = False, True
        self._number += 1
        request: dict[str, Any] = {"type": "response.create", "event_id": f"{REPLY_IDS}{self._number}"}
        await self._send({**request, "response": response} if response else request)
