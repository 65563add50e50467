"""The agents for calls: one version of the agents' file, read, checked and ready.

A lineup never changes. After an update new calls get the new lineup; running calls keep theirs to their end, with its
fallbacks, sounds and tools.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import aiohttp

from common.env import SettingError
from relay.agents import VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.bot.loading import OwnAgent
from relay.agents.roster import AgentSpec, Roster
from relay.agents.seam import AgentSession
from relay.agents.telephony.rest import RestCalls
from relay.agents.vendor import VendorContext
from relay.call.http_tools import own_tools
from relay.call.tools import Tool
from relay.settings import Settings
from relay.sounds import Sounds

OF_SETTINGS: Final = "settings"
"""The version of agents that no file describes."""


class Lineup:
    """`version`: its name in records. Blocking: sounds are read and converted."""

    def __init__(self, settings: Settings, roster: Roster, version: str, before: "Lineup | None" = None) -> None:
        """Raises SettingError or SoundFileError."""
        self.version = version
        self.settings = settings
        self.roster = roster
        self._agents = {spec.alias: VENDORS[spec.vendor].configure(spec, settings) for spec in roster}
        self._check_wrappers()
        recorded = next((spec.alias for spec in roster if spec.record != "off"), None)
        if recorded is not None and not settings.events_url:
            expected = f"the address of the functions, which keep the recordings that agents.{recorded}.record asks for"
            raise SettingError("EVENTS_URL", None, expected)
        for tool in (tool for spec in roster for tool in spec.tools.values()):
            tool.filled_headers(settings.environ)
        if any(spec.lookup_url for spec in roster) and not (settings.lookup_secret or settings.events_secret):
            raise SettingError(
                "LOOKUP_SECRET", None, "the secret that signs the look-up requests to each agent's lookup_url"
            )
        self.sounds: Sounds = Sounds(settings, roster, before.sounds if before else None)
        self.own_tools: Mapping[str, Sequence[Tool]] = {}
        """The user's HTTP tools, by the alias of the agent."""

    def _check_wrappers(self) -> None:
        """Each wrapper wraps an existing agent, and none wraps itself indirectly. Raises SettingError."""
        wrapped = {alias: agent.wraps for alias, agent in self._agents.items() if isinstance(agent, OwnAgent)}
        for alias, inner in wrapped.items():
            if inner and inner not in self._agents:
                expected = f"agents.{alias}.options.agent to be one of {', '.join(self._agents)}, not {inner!r}"
                raise SettingError("AGENTS_FILE", self.settings.agents_file, expected)
            way = {alias}
            while inner := wrapped.get(inner, ""):
                if inner in way:
                    expected = f"agents.{alias} not to wrap itself"
                    raise SettingError("AGENTS_FILE", self.settings.agents_file, expected)
                way.add(inner)

    @classmethod
    def configured(cls, settings: Settings) -> "Lineup":
        """From the settings: AGENTS_FILE, or the one agent of ELEVENLABS_AGENT_ID."""
        if not settings.agents_file:
            roster = Roster.single(AgentSpec("default", "elevenlabs", settings.elevenlabs_agent_id))
            return cls(settings, roster, OF_SETTINGS)
        roster = read_agents_file(settings.agents_file, VENDORS)
        digest = sha256(Path(settings.agents_file).read_bytes()).hexdigest()
        return cls(settings, roster, f"file-{digest[:12]}")

    def connect(self, http: aiohttp.ClientSession, public: aiohttp.ClientSession, rest_calls: RestCalls) -> None:
        """Before the first call: sets the HTTP clients for agents and tools. `public`: for public addresses only."""
        self.own_tools = own_tools(self.roster, http, public, self.settings.environ)
        self._http, self._rest_calls = http, rest_calls

    def new_session(self, alias: str) -> AgentSession:
        """A session with the agent of this alias."""
        # not stored: a reference cycle would keep superseded lineups alive after their last call
        context = VendorContext(self._http, self.settings, self.new_session, self._rest_calls)
        return self._agents[alias](context)
