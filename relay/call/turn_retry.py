"""Turns that failed at the vendor: requested once more; after that the next agent takes the call."""

import logging
from collections.abc import Callable

from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession, Ended, TurnFailed
from relay.call.answer_clock import AnswerClock
from relay.call.parts import CallParts


class TurnRetry:
    """For one agent. `end` is called when it has failed twice in a row, or can't be asked to retry."""

    def __init__(
        self,
        session: AgentSession,
        agent: AgentSpec,
        parts: CallParts,
        clock: AnswerClock,
        end: Callable[[Ended], None],
    ) -> None:
        self._session = session
        self._agent = agent
        self._parts = parts
        self._clock = clock
        self._end = end
        self._asked_again = False

    def answered(self) -> None:
        """The agent speaks: earlier failures are forgotten."""
        self._asked_again = False

    def failed(self, turn: TurnFailed) -> None:
        """The vendor failed to give an answer that the caller waits for."""
        self._parts.quality.failed_turns += 1
        self._parts.log.happened(
            "agent_turn_failed",
            f"agent {self._agent.alias} failed to answer: {turn.reason} {turn.detail}".strip(),
            level=logging.WARNING,
            agent=self._agent.alias,
            vendor=self._agent.vendor,
            reason=turn.reason,
        )
        gone = Ended(by_agent=False, reason=turn.reason, detail=turn.detail)
        if self._asked_again:
            self._end(gone)
            return
        self._asked_again = True
        self._clock.caller_waits()

        async def ask(session: AgentSession) -> None:
            if not await session.ask_again():
                self._end(gone)

        self._parts.outbox.post(ask, session=self._session)
