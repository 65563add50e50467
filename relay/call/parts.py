"""What the parts of a call's conversation share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from relay.agents.roster import AgentSpec
from relay.audio.ambience import AmbienceTrack
from relay.audio.playout import Playout
from relay.call.hand_over import HandOver
from relay.call.outbox import Outbox
from relay.call.tools import Tool, Tools
from relay.call.transcript import Transcript
from relay.events.records import CallFacts, EndReason, Quality
from relay.line.answers import Answers
from relay.line.pacer import Pacer
from relay.line.ticker import Ticker
from relay.line.uplink import Uplink
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.sounds import Apology
from relay.tasks import Spawn


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParts:
    """The parts of one call that its agents share.

    `tools` makes the table of tools, `spawn` starts a task of the call's, `announce` reports that the first agent has
    answered or was unreachable, `end` ends the call, `idle_speech` is the recorded speech for a silent caller,
    `waiting_sound` the sound while a tool runs.
    """

    facts: CallFacts
    playout: Playout
    pacer: Pacer
    uplink: Uplink
    outbox: Outbox
    tools: Callable[[], Tools]
    own_tools: Mapping[str, Sequence[Tool]]
    idle_speech: Callable[[AgentSpec], Apology | None]
    waiting_sound: Callable[[str], AmbienceTrack | None]
    hand_over: HandOver
    transcript: Transcript
    answers: Answers
    quality: Quality
    log: CallLog
    metrics: Metrics
    spawn: Spawn
    ticker: Ticker
    announce: Callable[[], None]
    end: Callable[[EndReason, str], None]
