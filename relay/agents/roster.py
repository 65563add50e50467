"""The agents that a call may have, by alias: what is configured of each, and who takes over when one fails."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from relay.agents.own_tools import OwnTool
from relay.agents.routes import Routes

RecordMode = Literal["off", "both", "agent"]
RECORD_MODES: Final = get_args(RecordMode)
ANSWER_SECONDS: Final = 12.0
IDLE_ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """One configured agent. None for an ambience setting means the environment's default."""

    alias: str
    vendor: str
    id: str
    ambience: str | None = None
    ambience_volume: float | None = None
    duck_db: float | None = None
    gain_db: float = 0.0
    level: Literal["", "auto"] = ""
    typing_volume: float = 0.0
    echo_guard: Literal["auto", "on", "off"] = "auto"
    fallback: str = ""
    fallback_speech: str = ""
    record: RecordMode = "off"
    record_pause_on_keys: bool = False
    mask_keys: bool = False
    notice: str = ""
    first_audio_s: float | None = None
    answer_s: float = ANSWER_SECONDS
    lookup_url: str | None = None
    idle_s: float = 0.0
    idle_attempts: int = IDLE_ATTEMPTS
    idle_speech: str = ""
    idle_transfer: str | None = None
    max_s: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, OwnTool] = field(default_factory=dict)


class Roster:
    """All configured agents, by alias."""

    def __init__(
        self,
        agents: Mapping[str, AgentSpec],
        default: str,
        announcements: Mapping[str, str] | None = None,
        routes: Routes | None = None,
    ) -> None:
        self._agents = dict(agents)
        self.default = default
        self.routes = routes or Routes()
        """Routes for calls that name no agent; if none fits, the default agent gets the call."""
        self.announcements = dict(announcements or {})
        """Name → sound file of an announcement that an operator may play to a caller."""

    def __iter__(self) -> Iterator[AgentSpec]:
        return iter(self._agents.values())

    def find(self, name: str) -> AgentSpec | None:
        """The agent with this alias or vendor id: older applet URLs contain `agent_id`, newer ones an alias."""
        return self._agents.get(name) or next((agent for agent in self if agent.id == name), None)

    def chain(self, alias: str) -> list[AgentSpec]:
        """The agent and its fallbacks, in order, each once."""
        chain: list[AgentSpec] = []
        agent = self._agents.get(alias)
        while agent is not None and agent not in chain:
            chain.append(agent)
            agent = self._agents.get(agent.fallback)
        return chain

    @classmethod
    def single(cls, agent: AgentSpec) -> "Roster":
        """A roster with one agent."""
        return cls({agent.alias: agent}, agent.alias)
