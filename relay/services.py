"""What the calls of one relay share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.agents.roster import Roster
from relay.echo_guard import EchoPool
from relay.events import Events
from relay.metrics import Metrics
from relay.settings import Settings
from relay.sounds import Sounds
from relay.tools import Tool
from relay.tracing import CallTracing

if TYPE_CHECKING:
    from relay.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`calls`: those that have started, by call_sid. `own_tools`: the user's HTTP tools, by the alias of the agent."""

    settings: Settings
    roster: Roster
    sounds: Sounds
    events: Events
    metrics: Metrics
    calls: "dict[str, Call]"
    own_tools: Mapping[str, Sequence[Tool]]
    echo_pool: EchoPool
    tracing: CallTracing | None = None
