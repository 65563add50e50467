"""Options of an ElevenLabs agent in AGENTS_FILE, and the address they result in (elevenlabs.md A1)."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

import msgspec

from common.elevenlabs import REST_HOSTS, rest_base
from common.env import Env, SettingError
from relay.agents.overrides import NAMES
from relay.agents.roster import AgentSpec
from relay.agents.vendor import read_options
from relay.settings import Settings


class ElevenLabsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of an ElevenLabs agent; empty ones come from the environment. Everything else is set at ElevenLabs."""

    takes: ClassVar[frozenset[str]] = frozenset(NAMES)
    """What a look-up may override, where the agent's settings at ElevenLabs allow it."""

    region: str = ""
    base_url: str = ""
    api_key_env: str = ""
    approve_mcp_tools: tuple[str, ...] = ()
    """Tools of MCP servers that wait for approval and get it; `*` stands for all. The others are refused."""


@dataclass(frozen=True, slots=True)
class ElevenLabsAgent:
    """Address and key of one agent."""

    agent_id: str
    api_key: str = ""
    region: str = "default"
    base_url: str = ""
    approve_mcp_tools: tuple[str, ...] = ()

    def approves(self, tool: str) -> bool:
        """Whether a tool of an MCP server may run."""
        return tool in self.approve_mcp_tools or "*" in self.approve_mcp_tools

    @property
    def rest_url(self) -> str:
        """Base of the REST API."""
        return rest_base(self.region, self.base_url)

    @property
    def socket_url(self) -> str:
        """The socket of a public agent."""
        return f"ws{self.rest_url.removeprefix('http')}/v1/convai/conversation?agent_id={quote(self.agent_id)}"


def resolve(spec: AgentSpec, settings: Settings) -> ElevenLabsAgent:
    """Address and key of this entry's agent. Raises SettingError."""
    options = read_options(spec, ElevenLabsOptions, settings)
    if options.region and options.region not in REST_HOSTS:
        place = f"agents.{spec.alias}.options.region"
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be one of {', '.join(REST_HOSTS)}")
    key = settings.elevenlabs_api_key
    if options.api_key_env:
        key = Env(settings.environ).required(options.api_key_env, f"the ElevenLabs API key for agent {spec.alias!r}")
    return ElevenLabsAgent(
        agent_id=spec.id,
        api_key=key,
        region=options.region or settings.elevenlabs_region,
        base_url=options.base_url or settings.elevenlabs_base_url,
        approve_mcp_tools=options.approve_mcp_tools,
    )
