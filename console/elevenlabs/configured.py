"""The relay's agents at ElevenLabs, from its settings, read as the relay reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from common.elevenlabs import REST_HOSTS
from common.env import Env, SettingError
from functions.common.settings import targets
from relay.agents import VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.elevenlabs.options import ElevenLabsAgent, resolve
from relay.agents.own_tools import OwnTool
from relay.agents.roster import AgentSpec, Roster
from relay.settings import Settings

VENDOR = "elevenlabs"
DEFAULT_LINE_HZ = 8000


@dataclass(frozen=True)
class Configured:
    """An entry of AGENTS_FILE, or the agent of the environment (alias `default`), with base URL and key."""

    alias: str
    agent: ElevenLabsAgent
    is_default: bool = False
    tools: Mapping[str, OwnTool] = field(default_factory=dict)
    """HTTP tools of the user's, which the agent calls as client tools."""
    looked_up: bool = False
    """A server of the user's is asked about its calls, and may answer with overrides."""
    recorded: bool = False
    """The relay records its calls."""

    @property
    def name(self) -> str:
        """For people: the alias, and the id."""
        return f"{self.alias} ({self.agent.agent_id or 'without an id'})"


@dataclass(frozen=True)
class Wishes:
    """What the rest of the installation needs from an agent."""

    line_hz: int = DEFAULT_LINE_HZ
    max_call_s: float = 3540
    """When the relay ends a call (`MAX_CALL_SECONDS`)."""
    transfer_field: str = "should_transfer"
    targets: tuple[str, ...] = ()
    """Names a transfer may go to; none: they are not known here."""
    fetch_audio: bool = False
    own_tools: Mapping[str, OwnTool] = field(default_factory=dict)
    """HTTP tools of this agent's entry: each has to be a client tool of the agent's."""
    looked_up: bool = False
    """Overrides may come: each has to be allowed."""
    recorded: bool = False
    """A recording may have to be paused: each tool for that has to be a client tool of the agent's."""
    private: bool = False
    """Whether an agent that anybody may talk to is to be closed; only a person can know who else uses it."""

    def of(self, one: Configured) -> "Wishes":
        """With what is needed from this agent only."""
        return replace(self, own_tools=one.tools, looked_up=one.looked_up, recorded=one.recorded)

    @classmethod
    def from_env(cls, environ: Mapping[str, str], line_hz: int = DEFAULT_LINE_HZ) -> "Wishes":
        """Raises SettingError."""
        env = Env(environ)
        return cls(
            line_hz=line_hz,
            max_call_s=env.number("MAX_CALL_SECONDS", default=cls.max_call_s, low=1, high=14_400),
            transfer_field=env.text("TRANSFER_FIELD", default=cls.transfer_field),
            targets=tuple(targets(env)),
            fetch_audio=env.boolean("FETCH_AUDIO", default=False),
        )


def configured_agents(environ: Mapping[str, str]) -> list[Configured]:
    """Those of ElevenLabs, the default first; empty if all are of other vendors. Raises SettingError."""
    settings = _settings(environ)
    if settings.agents_file:
        roster = read_agents_file(settings.agents_file, VENDORS)
    elif settings.elevenlabs_agent_id:
        roster = Roster.single(AgentSpec("default", VENDOR, settings.elevenlabs_agent_id))
    else:
        raise SettingError("ELEVENLABS_AGENT_ID", None, "the id of your ElevenLabs agent (or set AGENTS_FILE)")
    found = [
        Configured(
            spec.alias,
            resolve(spec, settings),
            spec.alias == roster.default,
            spec.tools,
            bool(settings.lookup_url if spec.lookup_url is None else spec.lookup_url),
            spec.record != "off",
        )
        for spec in roster
        if spec.vendor == VENDOR
    ]
    return sorted(found, key=lambda one: not one.is_default)


def by_workspace(agents: list[Configured]) -> dict[tuple[str, str], list[Configured]]:
    """Agents that share a base URL and a key, by the two."""
    workspaces: dict[tuple[str, str], list[Configured]] = {}
    for one in agents:
        workspaces.setdefault((one.agent.rest_url, one.agent.api_key), []).append(one)
    return workspaces


def chosen_agent(environ: Mapping[str, str], wanted: str) -> Configured:
    """The configured agent with this alias or id (empty: the default), or the one with this id, configured or not.

    Raises SettingError.
    """
    settings = _settings(environ)
    known = configured_agents(environ) if settings.agents_file or settings.elevenlabs_agent_id else []
    for one in known:
        if wanted in {one.alias, one.agent.agent_id} or (not wanted and one.is_default):
            return one
    if not wanted:
        raise SettingError(
            "ELEVENLABS_AGENT_ID", None, "the id of an ElevenLabs agent, or --agent, or --create for a new one"
        )
    if not wanted.startswith(("agent_", "seng_")) and settings.agents_file:
        aliases = ", ".join(one.alias for one in known) or "none is of ElevenLabs"
        raise SettingError("--agent", wanted, f"an id of ElevenLabs, or an alias of AGENTS_FILE ({aliases})")
    return elsewhere(environ, wanted)


def elsewhere(environ: Mapping[str, str], agent_id: str) -> Configured:
    """An agent without an entry, in the workspace of the environment's key."""
    settings = _settings(environ)
    return Configured(agent_id, resolve(AgentSpec(agent_id, VENDOR, agent_id), settings))


def _settings(environ: Mapping[str, str]) -> Settings:
    """Only the settings about ElevenLabs: a wrong CHUNK_SIZE must not stop anybody from checking an agent."""
    env = Env(environ)
    base = env.text("ELEVENLABS_BASE_URL")
    if base and not base.startswith(("https://", "http://", "wss://", "ws://")):
        raise SettingError("ELEVENLABS_BASE_URL", base, "an https:// or wss:// URL")
    return Settings(
        environ=dict(environ),
        agents_file=env.text("AGENTS_FILE"),
        elevenlabs_agent_id=env.text("ELEVENLABS_AGENT_ID"),
        elevenlabs_api_key=env.text("ELEVENLABS_API_KEY"),
        elevenlabs_region=env.choice("ELEVENLABS_REGION", default="default", choices=tuple(REST_HOSTS)),
        elevenlabs_base_url=base,
        lookup_url=env.text("LOOKUP_URL"),
    )
