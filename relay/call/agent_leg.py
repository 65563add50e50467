"""A call's time with one agent, from connecting to its end. Errors in here end the agent's time, not the call."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from relay.agents.budget import AgentBudget
from relay.agents.flood import FloodError
from relay.agents.seam import AgentError, AgentSession, Audio, CallInfo, Ended, PassesEvents
from relay.agents.session import listens
from relay.audio.speech_level import SpeechLevel
from relay.call.agent_events import AgentEvents
from relay.call.agent_speech import AgentSpeech
from relay.call.answer_clock import AnswerClock
from relay.call.parts import CallParts
from relay.call.presence import Presence
from relay.call.tool_use import ToolUse
from relay.call.tools import ToolResult
from relay.call.turn_retry import TurnRetry
from relay.ended import let_go
from relay.events.records import AgentEntry
from relay.tasks import Tasks

STALL_LIMIT: Final = 5.0  # seconds without reading, after which an agent has failed
_AT_ONCE: Final = 0.005  # seconds: sound in real time comes in messages of 20 ms
_HUNG_UP: Final = Ended(by_agent=True, reason="ended", detail="end_call")


class AgentLeg:
    """Connects `session`, passes on its sound, words and requests, and monitors it. Used once."""

    def __init__(self, parts: CallParts, session: AgentSession, entry: AgentEntry, prefix: str) -> None:
        agent = entry.agent
        self.session = session
        self.refused = False
        """It never took the call."""
        self._parts = parts
        self._entry = entry
        self._prefix = prefix
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Ended] = self._loop.create_future()
        # one of each for all that is given them: every look-up of a method makes another
        end, defect = self._end, self._failed = self.end, self.defect
        self._tasks = Tasks(defect)
        spawn = self._spawn = self._tasks.spawn
        self._budget = AgentBudget()
        self._presence: Presence | None = None
        self._level: SpeechLevel | None = None
        self._clock = AnswerClock(parts.ticker, agent.first_audio_s, agent.answer_s, self._too_late)
        self._retry = TurnRetry(session, agent, parts, self._clock, end)
        self._tools = ToolUse(
            session,
            agent.alias,
            parts,
            hang_up=self._hang_up,
            clock=self._clock,
            spawn=spawn,
        )

    def begin(self, info: CallInfo) -> "asyncio.Future[Ended]":
        """What it returns is done when the agent ends the call or has failed, and cancelled at the end of the call: the
        agent did not end. Then `stop`.
        """
        self._clock.start()
        self._spawn(self._talk(info))
        return self._over

    async def stop(self) -> None:
        """Pass nothing more on. The session stays open: closing it may take seconds."""
        self._clock.stop()
        self._entry.level = self._level
        self._parts.playout.idle()
        self._parts.uplink.detach()
        self._parts.outbox.detach()
        await self._tasks.stop()
        let_go(self, "_over", "refused", "_parts")  # its speech may go on, and an error in making it is logged

    def end(self, ended: Ended) -> None:
        """The agent is done; the first reason is kept. If an agent fails while it hangs up, it has hung up."""
        if not self._over.done():
            self._over.set_result(_HUNG_UP if self._tools.hanging_up else ended)

    @property
    def finished(self) -> bool:
        """Whether the agent's time has ended by itself, not with the call."""
        return self._over.done() and not self._over.cancelled()

    @property
    def said_goodbye(self) -> bool:
        """Whether the agent ended the call."""
        return self.finished and self._over.result().by_agent

    def defect(self, error: BaseException) -> None:
        """An unexpected error, in our code or the vendor module's: the next agent takes the call."""
        self._parts.log.error("defect", exc_info=error, extra={"event": "defect"})
        detail = f"defect: {type(error).__name__}: {error}"[:300]
        self.end(Ended(by_agent=False, reason="defect", detail=detail))

    def heard(self, utterance: str) -> None:
        """The caller has heard `utterance`, of this agent or an earlier one, to its end."""
        if utterance.startswith(self._prefix) and listens(self.session, "heard"):
            name = utterance.removeprefix(self._prefix)
            self._parts.outbox.post(lambda session: session.heard(name), session=self.session)

    def check(self, now: float) -> None:
        """Called every second: does the agent read what it is sent, and is the caller still there?"""
        if self.session.stalled_for(now) > STALL_LIMIT:
            self._spawn(self.session.give_up(f"the agent has not read for {STALL_LIMIT:g} s"))
        elif self._presence is not None and not self.finished:
            self._presence.check(now, busy=self._clock.agent_is_due or self._tools.hanging_up)

    def caller_did(self) -> None:
        """The caller has said something or pressed a key."""
        if self._presence is not None:
            self._presence.caller_did(self._loop.time())

    # --- connecting and listening ---

    async def _talk(self, info: CallInfo) -> None:
        try:
            events = await self._connect(info)
        except AgentError as error:
            self.refused = True
            self.end(Ended(by_agent=False, reason=error.reason, detail=str(error)))
            return
        self._parts.outbox.attach(self.session, self._spawn)
        agent = self._entry.agent
        if agent.idle_s or agent.max_s:
            self._presence = Presence(self._parts, agent, self.session, self._loop.time())
        try:
            if isinstance(self.session, PassesEvents):
                await self.session.pass_events(events.take)
            else:
                await self._listen(events)
        except FloodError as error:
            self.end(Ended(by_agent=False, reason=error.reason, detail=str(error)))
        else:
            self.end(Ended(by_agent=False, reason="stopped", detail="the session broke off"))

    async def _listen(self, events: AgentEvents) -> None:
        last_at = 0.0
        async for event in self.session.events():
            now = self._loop.time()
            await events.take(event)
            if self.finished:
                return
            real_time = isinstance(event, Audio) and now - last_at >= _AT_ONCE
            del event  # it would be kept until the next one comes
            last_at = now
            if not real_time:
                await asyncio.sleep(0)  # an agent that sends much at once must not delay other calls

    async def _connect(self, info: CallInfo) -> AgentEvents:
        began, parts = self._loop.time(), self._parts
        try:
            formats = await self.session.connect(info)
        finally:
            self._entry.conversation_id = self.session.conversation_id
        if parts.quality.agent_connect_ms is None:
            parts.quality.agent_connect_ms = round((self._loop.time() - began) * 1000)
        parts.log.happened(
            "agent_connected",
            f"agent {self._entry.agent.alias} hears {formats.heard}, speaks {formats.spoken}",
            agent=self._entry.agent.alias,
            conversation_id=self.session.conversation_id,
        )
        parts.announce()
        await parts.uplink.attach(self.session, formats.heard)
        speech = AgentSpeech(
            parts,
            self.session,
            self._entry.agent,
            self._budget,
            prefix=self._prefix,
            line=info.line,
            spoken=formats.spoken,
            on_defect=self._failed,
        )
        self._level = speech.level
        return AgentEvents(
            parts,
            self.session,
            self._entry.agent,
            speech,
            self._budget,
            prefix=self._prefix,
            clock=self._clock,
            retry=self._retry,
            tools=self._tools,
            over=self._over,
            end=self._end,
            caller_did=self.caller_did,
        )

    # --- ending ---

    def _too_late(self, reason: str, detail: str) -> None:
        self.end(Ended(by_agent=False, reason=reason, detail=detail))

    async def _hang_up(self, _: Mapping[str, Any]) -> ToolResult:
        self.end(_HUNG_UP)
        return ToolResult("done")
