"""From a call's `start` to its agent: the look-up about the caller, and the choice of the agent.

The look-up runs while the agent is being connected, so it delays the caller only if it takes longer than that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from relay.agents.roster import AgentSpec, RecordMode
from relay.agents.seam import AgentSession
from relay.audio.pcm import LINE_RATES, SAMPLE_BYTES
from relay.call.conversation import Conversation
from relay.call.lookup_answer import LookupAnswer
from relay.call.parts import CallParts
from relay.call.recording import CallRecording
from relay.call.report import CallReport
from relay.events.records import EndReason, LookupEntry, Transfer
from relay.line import exotel
from relay.services import Services
from relay.sounds import Apology

_REACH_AHEAD: Final = 1.0  # seconds before the end of a notice: a vendor may close an idle socket
_PROBLEM: Final = 500  # characters that are kept of it


class Reception:
    """`spec`: the agent for the call, None if the one that was `asked_for` is not configured. `rate_hz`: one of
    LINE_RATES.
    """

    def __init__(
        self,
        start: exotel.Start,
        services: Services,
        parts: CallParts,
        conversation: Conversation,
        recording: CallRecording,
        report: CallReport,
        *,
        asked_for: str,
        spec: AgentSpec | None,
        rate_hz: int,
        new_session: Callable[[AgentSpec], AgentSession],
    ) -> None:
        self._start = start
        self._services = services
        self._lineup = services.lineup
        self._parts = parts
        self._conversation = conversation
        self._recording = recording
        self._asked_for = asked_for
        self._spec = spec
        self._rate_hz = rate_hz
        self._new_session = new_session
        self._report = report
        self._record: RecordMode | None = None

    async def run(self) -> None:
        """Until the agents have the call, or it gets none."""
        lineup, spec = self._lineup, self._spec
        if spec is None:
            known = ", ".join(agent.alias for agent in lineup.roster)
            return self._refuse(EndReason.UNKNOWN_AGENT, f"no agent {self._asked_for[:80]!r}: expected one of {known}")
        if self._start.rate_hz not in LINE_RATES:
            expected = f"expected one of {sorted(LINE_RATES)}"
            return self._refuse(EndReason.UNSUPPORTED_FORMAT, f"line at {self._start.rate_hz} Hz: {expected}")
        if url := self._services.lookup.url_for(spec):
            chosen = await self._look_up(url, spec)
            if chosen is None:
                return None
            spec = chosen
        self._recording.follow(spec, self._record)
        notice = lineup.sounds.notice(spec, self._rate_hz)
        if notice is not None and (self._record != "off" or spec.record == "off"):
            await self._give_notice(notice, spec)
        self._recording.let_caller_in()
        apology = lineup.sounds.apology(spec, self._rate_hz)
        # not awaited: this would be kept as long as the call
        self._parts.spawn(self._conversation.run(lineup.roster.chain(spec.alias), apology))
        return None

    def _refuse(self, reason: EndReason, detail: str) -> None:
        """The call gets no agent."""
        self._report.refused(reason, detail)
        self._parts.end(reason, detail)

    async def _give_notice(self, notice: Apology, spec: AgentSpec) -> None:
        """Played before the agent hears or says anything; the agent is connected meanwhile."""
        parts, conversation = self._parts, self._conversation
        parts.transcript.agent_says(notice.text, "notice", parts.facts.now())
        parts.playout.say("notice", notice.pcm)
        parts.playout.complete("notice")
        parts.pacer.wake()
        length_s = len(notice.pcm) / SAMPLE_BYTES / self._rate_hz
        try:
            await asyncio.sleep(max(0.0, length_s - _REACH_AHEAD))
            if not conversation.has_begun_with and (session := self._reached(spec)) is not None:
                conversation.begin_with(spec, session)
            await parts.pacer.played_out()
        except asyncio.CancelledError:  # the caller has hung up meanwhile
            await conversation.close_unused()
            raise

    async def _look_up(self, url: str, spec: AgentSpec) -> AgentSpec | None:
        """The agent for the call; None if it gets none."""
        session = self._reached(spec)
        try:
            looked_up = await self._services.lookup.ask(url, self._start, spec)
            self._note(looked_up.entry, looked_up.answer)
            chosen = await self._follow(looked_up.answer, spec)
        except asyncio.CancelledError:  # the caller has hung up meanwhile
            if session is not None:
                await self._conversation.close_session(session)
            raise
        if session is not None and chosen is spec:
            self._conversation.begin_with(spec, session)
        elif session is not None:
            self._parts.spawn(self._conversation.close_session(session))
        return chosen

    async def _follow(self, answer: LookupAnswer, spec: AgentSpec) -> AgentSpec | None:
        if answer.rejected is not None:
            self._parts.end(EndReason.REJECTED, answer.rejected)
            return None
        if answer.transfer is not None and await self._transferred(answer.transfer):
            return None
        if answer.record in {"both", "agent"} and not self._services.settings.events_url:
            self._amend("record: expected EVENTS_URL to be set")
        else:
            self._record = answer.record
        chosen = self._chosen(answer, spec)
        self._set_scene(answer, chosen, changed=chosen is not spec)
        self._conversation.know(answer.variables, answer.overrides)
        return chosen

    def _reached(self, spec: AgentSpec) -> AgentSession | None:
        try:
            session = self._new_session(spec)
            session.reach()
        except Exception as error:  # a bot is the user's code; the conversation will get the same error
            self._parts.log.error("defect", exc_info=error, extra={"event": "defect"})
            return None
        return session

    def _note(self, entry: LookupEntry, answer: LookupAnswer) -> None:
        parts = self._parts
        parts.facts.lookup, parts.facts.tags = entry, answer.tags
        parts.metrics.lookups.labels(entry.outcome).inc()
        parts.metrics.lookup_time.observe(entry.ms / 1000)
        parts.log.happened(
            "looked_up", f"look-up: {entry.outcome} {entry.problem}".strip(), outcome=entry.outcome, ms=entry.ms
        )

    def _amend(self, problem: str) -> None:
        """Something in the answer could not be used."""
        facts = self._parts.facts
        if (entry := facts.lookup) is not None:
            said = "; ".join(filter(None, (entry.problem, problem)))[:_PROBLEM]
            facts.lookup = replace(entry, outcome="partly", problem=said)
        self._parts.log.happened("lookup_not_followed", problem)

    def _chosen(self, answer: LookupAnswer, spec: AgentSpec) -> AgentSpec:
        if not answer.agent:
            return spec
        chosen = self._lineup.roster.find(answer.agent)
        if chosen is None:
            known = ", ".join(agent.alias for agent in self._lineup.roster)
            self._amend(f"agent: expected one of {known}")
        return chosen or spec

    def _set_scene(self, answer: LookupAnswer, spec: AgentSpec, *, changed: bool) -> None:
        """The ambience of the chosen agent, or the one in the answer."""
        if answer.ambience is None and answer.ambience_volume is None and not changed:
            return
        sounds, playout = self._lineup.sounds, self._parts.playout
        if answer.ambience is not None and not sounds.has(answer.ambience):
            self._amend("ambience: expected one that comes with the relay, or that a setting or an agent names")
            answer = replace(answer, ambience=None)
        wanted = replace(
            spec,
            ambience=spec.ambience if answer.ambience is None else answer.ambience,
            ambience_volume=spec.ambience_volume if answer.ambience_volume is None else answer.ambience_volume,
        )

        def change() -> None:
            playout.change_ambience(sounds.ambience(wanted, self._rate_hz, self._start.call_sid))
            self._parts.pacer.wake()

        async def change_when_read() -> None:
            await sounds.load(answer.ambience or "")
            change()

        if sounds.is_read(answer.ambience or ""):
            change()
        else:  # not awaited: the agent may speak meanwhile
            self._parts.spawn(change_when_read())

    async def _transferred(self, transfer: Transfer) -> bool:
        """Whether the caller is being transferred to a human."""
        self._parts.announce()
        result = await self._parts.hand_over.request(transfer, spoken=False)
        if result.is_error:
            self._amend(f"transfer: {result.text}")
        return not result.is_error
