"""A call's events, metrics and log lines."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from common.phone import mask
from relay.agents.roster import AgentSpec
from relay.audio.ambience import AmbienceTrack
from relay.audio.loudness import LevelMeter
from relay.call.hand_over import EVENT_PATIENCE, HandOver
from relay.call.transcript import Transcript
from relay.events.delivery import Event
from relay.events.records import CallFacts, EndReason, Quality, Spread, Transfer, timestamp
from relay.line import exotel
from relay.line.answers import Answers
from relay.logs import CallLog
from relay.services import Services


class CallReport:
    """Reports each thing once. `asked_for`: the agent that was asked for, for a call that has none."""

    def __init__(
        self,
        facts: CallFacts,
        transcript: Transcript,
        quality: Quality,
        services: Services,
        *,
        log: CallLog,
        rate_hz: int,
        asked_for: str,
    ) -> None:
        self._facts = facts
        self._transcript = transcript
        self._quality = quality
        self._events = services.events
        self._metrics = services.metrics
        self._roster = services.lineup.roster
        self._relay = services.settings.instance
        self._tracing = services.tracing
        self._log = log
        self._rate_hz = rate_hz
        self._asked_for = asked_for
        self._announced = False

    def started(self, start: exotel.Start, agent: AgentSpec | None) -> None:
        """The line's `start` has arrived."""
        self._metrics.started.inc()
        self._log.happened(
            "call_started",
            f"call from {mask(start.from_number)} to {mask(start.to_number)}",
            agent=agent.alias if agent else self._asked_for,
            vendor=agent.vendor if agent else "none",
            rate_hz=start.rate_hz,
            encoding=start.encoding,
            parameters_dropped=start.parameters_dropped,
            agents_version=self._facts.agents_version,
        )

    def announce(self) -> None:
        """The first agent has answered or was unreachable: report the call."""
        if not self._announced:
            self._announced = True
            self._events.submit(
                self._facts.event(
                    "started",
                    started_at=timestamp(self._facts.started_at),
                    line={"rate_hz": self._rate_hz},
                    relay=self._relay,
                    **self._looked_up(),
                )
            )

    def refused(self, reason: EndReason, detail: str) -> None:
        """No agent was tried."""
        self._log.happened(
            "agent_failed", detail, level=logging.ERROR, agent=self._asked_for, vendor="none", reason=reason.value
        )

    def measure(self, answers: Answers, caller: LevelMeter, ambience: AmbienceTrack | None) -> None:
        """Quality of the call, measured from its sound."""
        facts, quality, found = self._facts, self._quality, answers.found(float("inf"))
        for utterance, answer in found.items():
            self._transcript.answered(utterance, answer)
            self._metrics.answer.labels(facts.vendor_of(utterance)).observe(answer.answer_ms / 1000)
        quality.answer_ms = Spread.of([answer.answer_ms for answer in found.values()])
        if answers.first_heard_at is not None:
            quality.first_audio_ms = round(facts.since_start_s(answers.first_heard_at) * 1000)
        quality.caller_level_db, quality.caller_clipped = caller.level_db, caller.clipped
        if ambience is not None:
            quality.ambience_level_db = ambience.level_db

    def so_far(self, hand_over: HandOver, ambience: AmbienceTrack | None) -> Event:
        """The `state` of a `call.progress`: a running call, without its words."""
        transfer, arranged_at = hand_over.transfer, hand_over.arranged_at
        waits = Spread.of([turn.answer.answer_ms for turn in self._transcript.turns if turn.answer])
        arranged = {"arranged_at": timestamp(arranged_at)} if arranged_at else {}
        return {
            "relay": self._relay,
            "answer_ms": waits.as_json() if waits else None,
            "interruptions": self._quality.interruptions,
            "transfer": {**transfer.as_json(), **arranged} if transfer else None,
            "ambience": {"enabled": ambience.enabled, "volume": ambience.volume} if ambience else None,
            "choices": {
                "agents": [agent.alias for agent in self._roster],
                "announcements": list(self._roster.announcements),
            },
        }

    async def ended(
        self, reason: EndReason, detail: str, transfer: Transfer | None, commands: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """The stream is over. Returns when that is stored, or on its way: Exotel's next step may depend on it."""
        self.announce()
        last = self._facts.agents[-1].agent if self._facts.agents else None
        vendor = last.vendor if last else "none"
        event = {**self._ended_event(reason, detail, transfer), "commands": list(commands)}
        self._metrics.call_ended(vendor, reason, self._quality)
        self._log.happened(
            "call_ended",
            f"call ended: {reason} {detail}".strip(),
            agent=last.alias if last else self._asked_for,
            vendor=vendor,
            end_reason=reason,
            ended_by=reason.ended_by,
            duration_s=event["duration_s"],
            **self._quality.as_json(),
        )
        if self._tracing is not None and reason is not EndReason.REPLACED:
            self._tracing.ended(event)
        await self._events.post(event, patience_s=EVENT_PATIENCE)

    def _ended_event(self, reason: EndReason, detail: str, transfer: Transfer | None) -> dict[str, Any]:
        facts = self._facts
        return facts.event(
            "ended",
            started_at=timestamp(facts.started_at),
            ended_at=timestamp(facts.now()),
            duration_s=round(facts.elapsed_s, 3),
            ended_by=reason.ended_by,
            end_reason=reason,
            end_detail=detail,
            agents=[entry.as_json() for entry in facts.agents],
            transfer=transfer.as_json() if transfer else None,
            turns=self._transcript.as_json(),
            tools=[use.as_json() for use in facts.tools],
            quality=self._quality.as_json(),
            **self._looked_up(),
        )

    def _looked_up(self) -> dict[str, Any]:
        lookup = self._facts.lookup
        return {"lookup": lookup.as_json(), "tags": list(self._facts.tags)} if lookup else {}
