"""What the call has to tell its agent: kept in order until there is an agent that is ready, then sent one by one."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from relay.agents.seam import AgentSession
from relay.logs import CallLog

MAX_WAITING: Final = 64  # messages: an agent that takes none for so long is given up before they are this many

MAX_NOTE: Final = 2000  # characters

Send = Callable[[AgentSession], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Message:
    send: Send
    session: AgentSession | None


class Outbox:
    """Keys, tool answers and all else but sound, on the way to whichever agent has the call."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._waiting: deque[_Message] = deque()
        self._arrived = asyncio.Event()
        self._dropped = 0
        self._deaf = False

    def post(self, send: Send, *, session: AgentSession | None = None) -> None:
        """Send as soon as there is an agent that takes it; with `session` only to that one.

        When too many wait, the oldest is dropped.
        """
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
            if self._dropped == 1:
                problem = f"the agent accepts no messages: more than {MAX_WAITING} are waiting, the oldest are dropped"
                self._log.happened("agent_messages_dropped", problem, level=logging.WARNING)
        self._waiting.append(_Message(send, session))
        self._arrived.set()

    def note(self, text: str, *, reply: bool = False, session: AgentSession | None = None) -> "asyncio.Future[bool]":
        """Tell the agent something that nobody has said, once it is ready (see AgentSession.note).

        Done when it was told, never if no agent comes to be ready: False if this one can't be, which the log says once.
        """
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def send(session: AgentSession) -> None:
            took = await session.note(text[:MAX_NOTE], reply=reply)
            if not took and not self._deaf:
                self._deaf = True
                problem = "the agent accepts nothing but the caller's speech"
                self._log.happened("agent_takes_no_notes", problem, level=logging.WARNING)
            if not told.done():
                told.set_result(took)

        self.post(send, session=session)
        return told

    async def deliver(self, session: AgentSession) -> None:
        """Send everything to `session`, which is ready, until cancelled. Raises what the session raises.

        What could not be sent stays: the next agent gets it.
        """
        while True:
            while self._waiting:
                message = self._waiting[0]
                if message.session is None or message.session is session:
                    await message.send(session)
                if self._waiting and self._waiting[0] is message:
                    self._waiting.popleft()
            self._arrived.clear()
            await self._arrived.wait()
