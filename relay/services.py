"""What the calls of one relay share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relay.call.lookup import Lookup
from relay.events.delivery import Events
from relay.events.tracing import CallTracing
from relay.line.echo_pool import EchoPool
from relay.line.ticker import Ticker
from relay.lineup import Lineup
from relay.metrics import Metrics
from relay.recording.recordings import Recordings
from relay.settings import Settings

if TYPE_CHECKING:
    from relay.call.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`lineup`: the agents for new calls. `calls`: those that have started, by call_sid."""

    settings: Settings
    lineup: Lineup
    events: Events
    lookup: Lookup
    metrics: Metrics
    calls: "dict[str, Call]"
    echo_pool: EchoPool
    ticker: Ticker
    recordings: Recordings
    tracing: CallTracing | None = None
