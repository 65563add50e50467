"""Messages from the call to its agent: kept in order until an agent is ready, then sent one by one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from relay.agents.seam import MAX_NOTE, AgentSession
from relay.logs import CallLog
from relay.tasks import Spawn

MAX_WAITING: Final = 64  # messages; an agent that reads none is given up before there are this many


Send = Callable[[AgentSession], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Message:
    send: Send
    session: AgentSession | None


class Outbox:
    """Keys, tool results and everything else but sound, for the agent that has the call."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._waiting: list[_Message] = []
        self._ready: tuple[AgentSession, Spawn] | None = None
        self._sending = False
        self._dropped = 0
        self._deaf = False

    def post(self, send: Send, *, session: AgentSession | None = None) -> None:
        """Send as soon as an agent is ready; with `session` only to that one.

        If too many wait, the oldest is dropped.
        """
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.pop(0)
            self._dropped += 1
            if self._dropped == 1:
                problem = f"the agent accepts no messages: more than {MAX_WAITING} are waiting, the oldest are dropped"
                self._log.happened("agent_messages_dropped", problem, level=logging.WARNING)
        self._waiting.append(_Message(send, session))
        self._send()

    def note(self, text: str, *, reply: bool = False, session: AgentSession | None = None) -> "asyncio.Future[bool]":
        """Give the agent a note that nobody has said, once it is ready (see AgentSession.note).

        Returns when it was sent, and never if no agent gets ready. Returns False if this agent takes no notes, which is
        logged once.
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

    def attach(self, session: AgentSession, spawn: Spawn) -> None:
        """From now on send everything to `session`, which is ready. `spawn` starts a task. It raises what the session
        raises, and nothing more is sent after that.

        Unsent messages stay for the next agent. No task waits for messages: few calls have any.
        """
        self._ready, self._sending = (session, spawn), False
        self._send()

    def detach(self) -> None:
        """The agent is gone, and so is the task."""
        self._ready = None

    def _send(self) -> None:
        if self._ready is not None and self._waiting and not self._sending:
            session, spawn = self._ready
            self._sending = True
            spawn(self._deliver(session))

    async def _deliver(self, session: AgentSession) -> None:
        while self._waiting:
            message = self._waiting[0]
            if message.session is None or message.session is session:
                await message.send(session)
            if self._waiting and self._waiting[0] is message:
                self._waiting.pop(0)
        self._sending = False
