"""What an agent's events do to its call: each is taken when it comes, as far as nothing has to wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, assert_never

from common.aside import is_aside
from common.keys_pressed import without_keys
from relay.agents.budget import AgentBudget
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    NOT_UNDERSTOOD,
    AgentCorrection,
    AgentEvent,
    AgentSession,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    CallerTurn,
    Ended,
    Interruption,
    Notice,
    ToolCall,
    ToolCancelled,
    TurnDone,
    TurnFailed,
    UtteranceDone,
    Working,
)
from relay.agents.session import listens
from relay.at_once import DONE
from relay.call.agent_speech import AgentSpeech
from relay.call.answer_clock import AnswerClock
from relay.call.parts import CallParts
from relay.call.tool_use import ToolUse
from relay.call.turn_retry import TurnRetry


class AgentEvents:
    """Of one agent, whose session has been connected. `prefix`: of its utterances' names in the call; `over`: done when
    its time has ended, by `end`; `caller_did` is called when the agent has understood the caller.
    """

    def __init__(
        self,
        parts: CallParts,
        session: AgentSession,
        agent: AgentSpec,
        speech: AgentSpeech,
        budget: AgentBudget,
        *,
        prefix: str,
        clock: AnswerClock,
        retry: TurnRetry,
        tools: ToolUse,
        over: "asyncio.Future[Ended]",
        end: Callable[[Ended], None],
        caller_did: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._session = session
        self._mask_keys = agent.mask_keys
        self._speech = speech
        self._budget = budget
        self._prefix = prefix
        self._clock = clock
        self._retry = retry
        self._tools = tools
        self._over = over
        self._end = end
        self._caller_did = caller_did
        self._pacer = parts.pacer
        self._transcript = parts.transcript
        self._time = parts.facts.clock

    def take(self, event: AgentEvent) -> Awaitable[None]:
        """Usually DONE (relay.at_once). Raises FloodError."""
        over = self._over
        if over.done() and not over.cancelled():
            return DONE
        self._budget.spend(event, self._time())
        if isinstance(event, Audio):
            self._retry.answered()
            self._clock.agent_heard()
            self._parts.hand_over.agent_spoke()
            sound: Any = event  # whose data may be other than bytes, if somebody's own code gives it
            return self._speech.say(event.utterance, sound.data)
        self._react(event)
        return DONE

    def _react(self, event: AgentEvent) -> None:
        speech, transcript, now = self._speech, self._transcript, self._parts.facts.now
        match event:
            case UtteranceDone(utterance):
                speech.done(utterance)
            case Interruption():
                self._interrupt()
                speech.cut()
            case AgentText(text, utterance):
                transcript.agent_says(text, speech.named(utterance), now())
            case AgentCorrection(text, utterance):
                transcript.corrected(text, speech.named(utterance))
            case CallerTurn(utterance):
                self._caller_waits()
                transcript.caller_spoke(speech.named(utterance), now())
            case CallerText(text) if is_aside(text):
                pass  # the vendor repeats a note of ours as a caller's turn
            case CallerText(text, utterance):
                if text:
                    self._caller_did()
                if not utterance:  # otherwise it concerns a turn that the agent may have answered long ago
                    self._caller_waits()
                if self._mask_keys:
                    text = without_keys(text)
                transcript.caller_said(text, now(), speech.named(utterance) if utterance else "")
            case CallerHeard():
                self._caller_waits()
            case ToolCall():
                self._tools.called(event)
            case ToolCancelled(call_id):
                self._tools.cancelled(call_id)
            case TurnDone():
                self._tools.turn_done()
                self._clock.turn_done()
            case TurnFailed():
                self._retry.failed(event)
            case Working(tool, done):
                self._working(tool, done=done)
            case Notice(kind, text):
                if self._budget.logs_notice():
                    level = logging.WARNING if kind in NOT_UNDERSTOOD else logging.INFO
                    self._parts.log.happened("agent_notice", f"{kind[:40]}: {text[:300]}", level=level, kind=kind[:40])
            case Ended():
                self._end(event)
            case Audio():
                raise AssertionError
            case _:
                assert_never(event)

    def _caller_waits(self) -> None:
        """Words while the agent is still heard are no question: a caller who cuts in causes an Interruption first."""
        if not self._pacer.speaking:
            self._clock.caller_waits()

    def _working(self, tool: str, *, done: bool) -> None:
        if done:
            self._parts.answers.tool(self._time())
        self._parts.playout.busy(tool, done=done)
        self._pacer.wake()
        (self._clock.tool_done if done else self._clock.tool_started)(f"vendor's {tool}")

    def _interrupt(self) -> None:
        parts, pacer = self._parts, self._pacer
        self._clock.caller_speaks()
        self._tools.caller_cut_in()
        if not pacer.speaking:
            return  # most vendors report that the caller speaks, even if the agent was silent
        parts.quality.interruptions += 1
        playing = pacer.interrupt()
        parts.log.happened("interruption", "the caller spoke over the agent", utterance=playing)
        if playing.startswith(self._prefix) and listens(self._session, "interrupted"):
            utterance, heard_ms = playing.removeprefix(self._prefix), pacer.heard_ms(playing)
            parts.outbox.post(lambda session: session.interrupted(utterance, heard_ms), session=self._session)
