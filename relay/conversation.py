"""The agents of one call, one after another until one says goodbye, and what is said on the way."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentCorrection,
    AgentError,
    AgentEvent,
    AgentSession,
    AgentText,
    Audio,
    CallerText,
    CallerTurn,
    CallInfo,
    Ended,
    Interruption,
    Notice,
    ToolCall,
    UtteranceDone,
)
from relay.audio.playout import Playout
from relay.downlink import Downlink
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.pacer import Pacer
from relay.records import AgentSpell, CallFacts, EndReason, Quality
from relay.transcript import Transcript
from relay.uplink import Uplink

HAND_OVER_QUIET: Final = 2.0  # after a transfer was arranged: so long a silence means the agent has said its goodbye
HAND_OVER_LIMIT: Final = 15.0

EndCall = Callable[[EndReason, str], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the conversation works with: the parts of its call."""

    facts: CallFacts
    playout: Playout
    pacer: Pacer
    uplink: Uplink
    transcript: Transcript
    quality: Quality
    log: CallLog
    metrics: Metrics
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    end: EndCall


class Conversation:
    """Runs the chain of agents. `on_tool` answers their tool calls, `on_agent` hears of the first outcome."""

    def __init__(
        self,
        desk: Desk,
        info: CallInfo,
        open_session: Callable[[AgentSpec], AgentSession],
        *,
        on_tool: Callable[[AgentSession, ToolCall], Coroutine[Any, Any, None]],
        on_agent: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._info = info
        self._open_session = open_session
        self._on_tool = on_tool
        self._on_agent = on_agent
        self._loop = asyncio.get_running_loop()
        self._downlink = Downlink(desk.playout, desk.pacer, info.line)
        self._prefix = ""
        self._spoke = asyncio.Event()
        self._farewell = EndReason.AGENT_ENDED
        self.session: AgentSession | None = None

    async def run(self, chain: list[AgentSpec], fallback_speech: bytes) -> None:
        """Talk to the first agent that can be had; when the last one fails, say so and hand the call over."""
        detail = ""
        for spec in chain:
            ended = await self._talk(spec)
            if ended.by_agent:
                await self._last_words()
                self._desk.end(self._farewell, ended.detail)
                return
            detail = f"{spec.alias}: {ended.reason} {ended.detail}".strip()
        if fallback_speech:
            self._desk.playout.say("fallback", fallback_speech)
        await self._last_words()
        self._desk.end(EndReason.AGENT_FAILED, detail)

    def say_goodbye(self) -> None:
        """A transfer is arranged: whatever ends the conversation now, the call goes to a human.

        The agent may still say that it connects the caller; when it has been quiet for a while, the line is closed.
        """
        self._farewell = EndReason.TRANSFERRED
        self._desk.spawn(self._hand_over())

    async def _hand_over(self) -> None:
        limit = self._loop.time() + HAND_OVER_LIMIT
        while (patience := min(HAND_OVER_QUIET, limit - self._loop.time())) > 0:
            self._spoke.clear()
            try:
                async with asyncio.timeout(patience):
                    await self._spoke.wait()
            except TimeoutError:
                break
            await self._desk.pacer.played_out()
        await self._last_words()
        self._desk.end(EndReason.TRANSFERRED, "")

    async def _last_words(self) -> None:
        """Nothing more will be said: let the caller hear the rest."""
        self._desk.uplink.finish()
        self._desk.playout.complete_all()
        self._desk.pacer.wake()
        await self._desk.pacer.played_out()

    # --- one agent ---

    async def _talk(self, spec: AgentSpec) -> Ended:
        began = self._loop.time()
        spell = AgentSpell(spec, self._desk.facts.now())
        self._desk.facts.spells.append(spell)
        self.session = session = self._open_session(spec)
        self._prefix = f"a{len(self._desk.facts.spells)}u"
        ended: Ended | None = None
        try:
            ended = await self._listen(session, spell, began)
        except AgentError as error:
            ended = Ended(by_agent=False, reason=error.reason, detail=str(error))
        finally:
            self._desk.uplink.detach()
            self._close_spell(session, spell, ended or Ended(by_agent=False, reason="stopped"))
            if ended is None or ended.by_agent:
                await session.close()
            else:  # a dead agent may take seconds to close, and the caller is waiting for the next one
                self._desk.spawn(session.close())
        self._desk.log.happened(
            "agent_ended" if ended.by_agent else "agent_failed",
            f"agent {spec.alias} ended: {ended.reason} {ended.detail}".strip(),
            level=logging.INFO if ended.by_agent else logging.WARNING,
            agent=spec.alias,
            vendor=spec.vendor,
            reason=ended.reason,
            conversation_id=session.conversation_id,
        )
        if not ended.by_agent:
            self._desk.metrics.agent_failed.labels(spec.vendor, ended.reason).inc()
            self._on_agent()
        return ended

    async def _listen(self, session: AgentSession, spell: AgentSpell, began: float) -> Ended:
        """Everything from connecting to the end; an agent that is not heard in time has failed."""
        limit = spell.agent.first_audio_s
        try:
            async with asyncio.timeout(limit) as patience:
                await self._connect(session, spell, began)
                async for event in session.events():
                    if isinstance(event, Ended):
                        return event
                    if isinstance(event, Audio) and patience.when() is not None:
                        patience.reschedule(None)
                    await self._react(session, event)
        except TimeoutError:
            if not patience.expired():
                raise
            return Ended(by_agent=False, reason="no_audio", detail=f"not heard within {limit:g} s")
        return Ended(by_agent=False, reason="stopped", detail="the session broke off")

    async def _connect(self, session: AgentSession, spell: AgentSpell, began: float) -> None:
        info = self._info
        if len(self._desk.facts.spells) > 1:
            info = replace(info, said_so_far=self._desk.transcript.so_far())
        try:
            formats = await session.connect(info)
        finally:
            spell.conversation_id = session.conversation_id
        if self._desk.quality.agent_connect_ms is None:
            self._desk.quality.agent_connect_ms = round((self._loop.time() - began) * 1000)
        self._downlink.attach(formats.spoken)
        self._desk.log.happened(
            "agent_connected",
            f"agent {spell.agent.alias} hears {formats.heard}, speaks {formats.spoken}",
            agent=spell.agent.alias,
            conversation_id=session.conversation_id,
        )
        self._on_agent()
        await self._desk.uplink.attach(session, formats.heard)

    def _close_spell(self, session: AgentSession, spell: AgentSpell, ended: Ended) -> None:
        spell.ended_at = self._desk.facts.now()
        spell.end_reason, spell.end_detail = ended.reason, ended.detail
        self._desk.quality.late_audio_dropped_ms += round(session.late_audio_ms)

    # --- what the agent says and wants ---

    async def _react(self, session: AgentSession, event: AgentEvent) -> None:
        desk = self._desk
        match event:
            case Audio(data, utterance):
                self._spoke.set()
                await self._downlink.say(self._prefix + utterance, data)
            case UtteranceDone(utterance):
                self._downlink.done(self._prefix + utterance)
            case Interruption():
                await self._interrupt(session)
            case AgentText(text, utterance):
                desk.transcript.agent_says(text, self._prefix + utterance, desk.facts.now())
            case AgentCorrection(text, utterance):
                desk.transcript.corrected(text, self._prefix + utterance)
            case CallerTurn(utterance):
                desk.transcript.caller_spoke(self._prefix + utterance, desk.facts.now())
            case CallerText(text, utterance):
                desk.transcript.caller_said(text, desk.facts.now(), self._prefix + utterance if utterance else "")
            case ToolCall():
                # in a task of its own: a tool may take its time, the agent's messages go on
                desk.spawn(self._on_tool(session, event))
            case Notice(kind, text):
                desk.log.happened("agent_notice", f"{kind}: {text}", kind=kind)

    async def _interrupt(self, session: AgentSession) -> None:
        desk = self._desk
        self._downlink.cut()
        if not desk.pacer.speaking:
            return  # most vendors report that the caller speaks, whether the agent did or not
        desk.quality.interruptions += 1
        playing = desk.pacer.interrupt()
        desk.log.happened("interruption", "the caller spoke over the agent", utterance=playing)
        if playing.startswith(self._prefix):
            await session.interrupted(playing.removeprefix(self._prefix), desk.pacer.heard_ms(playing))
