"""The agents of one call, one after another, until one of them ends it."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from relay.agents.flood import FLOOD
from relay.agents.overrides import Overrides
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession, CallInfo, Ended
from relay.call.agent_leg import AgentLeg
from relay.call.parts import CallParts
from relay.events.records import AgentEntry, EndReason
from relay.sounds import Apology

AT_ONCE: Final = 2.0  # seconds: an agent that refuses sooner may only be busy
RETRY_PAUSE: Final = 1.0
SWITCHED: Final = "switched"  # end reason of an agent that was replaced on request
_FOR_GOOD: Final = re.compile(r"http_(3\d\d|40[0-4])|unsupported_format")
"""Reasons of a refusal that asking again won't change: a wrong key, an agent that is not there."""


class Conversation:
    """Runs the chain of agents; `new_session` creates a session with one of them."""

    def __init__(self, parts: CallParts, info: CallInfo, new_session: Callable[[AgentSpec], AgentSession]) -> None:
        self._parts = parts
        self._info = info
        self._new_session = new_session
        self._loop = asyncio.get_running_loop()
        self._leg: AgentLeg | None = None
        self._wanted: Sequence[AgentSpec] = ()
        self._giving_up = False
        self._first: tuple[AgentSpec, AgentSession] | None = None

    def know(self, variables: Mapping[str, str | int | float | bool], overrides: Overrides) -> None:
        """The results of the look-up, before `run`. Overrides are for the first agent only."""
        self._info = replace(self._info, given=variables, overrides=overrides)

    def begin_with(self, spec: AgentSpec, session: AgentSession) -> None:
        """A session with the first agent, which has been connected already."""
        self._first = spec, session

    @property
    def has_begun_with(self) -> bool:
        """Whether `begin_with` has passed a session that is not in use yet."""
        return self._first is not None

    async def close_unused(self) -> None:
        """The call is over before the connected agent got it."""
        first, self._first = self._first, None
        if first is not None:
            await self.close_session(first[1])

    async def run(self, chain: Sequence[AgentSpec], apology: Apology | None) -> None:
        """Talk to the first agent that is available; if the last one fails, play the apology and hand the call over."""
        while chain := self._wanted or chain:  # a switch may have been requested before the agent was chosen
            self._wanted = ()
            if await self._try(chain):
                return
            chain = ()
        self._giving_up = True
        await self._give_up(apology)

    def switch(self, chain: Sequence[AgentSpec], by: str) -> bool:
        """The first available agent of `chain` takes over now. Returns False if no agent is tried any more."""
        if self._giving_up:
            return False
        self._wanted = chain
        if self._leg is not None:
            self._leg.end(Ended(by_agent=False, reason=SWITCHED, detail=by))
        return True

    async def _try(self, chain: Sequence[AgentSpec]) -> bool:
        """Whether the call is over. If not, no agent of `chain` was available or stayed, or a switch was requested."""
        retry: AgentSpec | None = None
        for spec in chain:
            ended, refused_at_once = await self._talk(spec)
            if await self._is_over(ended):
                return True
            if self._wanted:
                return False
            if refused_at_once and retry is None and not _FOR_GOOD.fullmatch(ended.reason):
                retry = spec
        if retry is None:
            return False
        await asyncio.sleep(RETRY_PAUSE)
        if self._wanted:
            return False
        ended, _ = await self._talk(retry)
        return await self._is_over(ended)

    async def close(self) -> None:
        """Nothing more will be said: let the caller hear the rest, then close for the transfer to a human."""
        await self._last_words()
        self._parts.end(EndReason.TRANSFERRED, "")

    def send_keys(self, keys: str) -> None:
        """Keys that the caller pressed, for the current agent or the next one."""

        async def send(session: AgentSession) -> None:
            for entry in keys if session.wants_each_key else (keys,):
                await session.send_keys(entry)

        self._parts.outbox.post(send)
        if self._leg is not None:
            self._leg.caller_did()

    def heard(self, utterance: str) -> None:
        """The caller has heard `utterance` to its end."""
        if self._leg is not None:
            self._leg.heard(utterance)

    @property
    def wants_each_key(self) -> bool:
        """See AgentSession."""
        return self._leg is not None and self._leg.session.wants_each_key

    def check(self, now: float) -> None:
        """Called every second."""
        if self._leg is not None:
            self._leg.check(now)

    def defect(self, error: Exception) -> None:
        """The agent's session raised an exception while it was used from outside."""
        if self._leg is not None:
            self._leg.defect(error)

    async def _is_over(self, ended: Ended) -> bool:
        """End the call if the agent ended it, or failed after a transfer was arranged: the transfer still happens."""
        if await self._parts.hand_over.arranged():
            await self.close()
        elif ended.by_agent:
            await self._last_words()
            self._parts.end(EndReason.AGENT_ENDED, ended.detail)
        else:
            return False
        return True

    async def _give_up(self, apology: Apology | None) -> None:
        parts = self._parts
        if apology is not None:
            parts.transcript.agent_says(apology.text, "apology", parts.facts.now())
            parts.playout.say("apology", apology.pcm)
        await self._last_words()
        last = parts.facts.agents[-1]
        parts.end(EndReason.AGENT_FAILED, f"{last.agent.alias}: {last.end_reason} {last.end_detail}".strip())

    async def _last_words(self) -> None:
        self._parts.uplink.finish()
        self._parts.playout.complete_all()
        self._parts.pacer.wake()
        await self._parts.pacer.played_out()

    # --- one agent ---

    async def _talk(self, spec: AgentSpec) -> tuple[Ended, bool]:
        """How the agent ended, and whether it had refused the call at once."""
        parts, began = self._parts, self._loop.time()
        entry = AgentEntry(spec, parts.facts.now())
        parts.facts.agents.append(entry)
        info = self._info
        if spec.tools:
            info = replace(info, own_tools=tuple(tool.describe(name) for name, tool in spec.tools.items()))
        if len(parts.facts.agents) > 1:
            info = replace(info, said_so_far=parts.transcript.so_far(), overrides=Overrides())
        try:
            session = self._session_with(spec)
        except Exception as error:  # noqa: BLE001 - a bot's constructor is the user's code
            broken = Ended(by_agent=False, reason="defect", detail=f"{type(error).__name__}: {error}"[:300])
            self._note_end(entry, broken)
            return broken, False
        prefix = f"a{len(parts.facts.agents)}u"
        leg = self._leg = AgentLeg(parts, session, entry, prefix)
        try:
            try:
                ended = await leg.begin(info)
            finally:
                await leg.stop()
        finally:
            self._leg = None
            if not leg.said_goodbye:
                parts.transcript.broke_off(prefix, speaking=parts.pacer.speaking)
            parts.quality.late_audio_dropped_ms += round(session.late_audio_ms)
            if not leg.finished:  # the call is over, regardless of the agent
                entry.ended(parts.facts.now(), "stopped")
                await self.close_session(session)
        self._note_end(entry, ended)
        if ended.reason in {FLOOD, SWITCHED}:
            parts.pacer.interrupt()  # it may be minutes long, and the next agent has to be heard
        # a dead agent may take seconds to close; the caller must not wait for that
        closing = self.close_session(session)
        if ended.by_agent:
            await closing
        else:
            parts.spawn(closing)
        return ended, leg.refused and self._loop.time() - began < AT_ONCE

    def _session_with(self, spec: AgentSpec) -> AgentSession:
        first, self._first = self._first, None
        if first is None or first[0] is spec:
            return first[1] if first else self._new_session(spec)
        self._parts.spawn(self.close_session(first[1]))
        return self._new_session(spec)

    async def close_session(self, session: AgentSession) -> None:
        """Errors in it are only logged."""
        try:
            await session.close()
        except Exception as error:
            self._parts.log.error("defect", exc_info=error, extra={"event": "defect"})

    def _note_end(self, entry: AgentEntry, ended: Ended) -> None:
        parts, spec = self._parts, entry.agent
        entry.ended(parts.facts.now(), ended.reason, ended.detail)
        failed = not ended.by_agent and ended.reason != SWITCHED
        parts.log.happened(
            "agent_failed" if failed else "agent_ended",
            f"agent {spec.alias} ended: {ended.reason} {ended.detail}".strip(),
            level=logging.WARNING if failed else logging.INFO,
            agent=spec.alias,
            vendor=spec.vendor,
            reason=ended.reason,
            conversation_id=entry.conversation_id,
        )
        if failed:
            parts.pacer.tear()
            parts.metrics.agent_failed.labels(spec.vendor, ended.reason).inc()
            parts.announce()
