"""What the calls of a relay share, for a single call without a socket."""

from relay.agents.roster import AgentSpec, Roster
from relay.events.delivery import Events
from relay.line.echo_pool import EchoPool
from relay.line.ticker import Ticker
from relay.lineup import Lineup
from relay.metrics import Metrics
from relay.services import Services
from relay.settings import Settings

AGENT = AgentSpec("agent", "echo", "")


def call_services(agent: AgentSpec = AGENT, *, tracing=None, **settings) -> Services:
    """Inside an event loop. Nothing may be recorded or looked up."""
    read, ticker = Settings(**settings), Ticker()
    return Services(
        settings=read,
        lineup=Lineup(read, Roster.single(agent), "7-abc"),
        events=Events(None),
        lookup=None,
        metrics=Metrics(),
        calls={},
        echo_pool=EchoPool(1),
        ticker=ticker,
        recordings=None,
        tracing=tracing,
    )
