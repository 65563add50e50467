"""Voice agents: one file a vendor behind one seam, and the registry that knows them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from relay.agents.elevenlabs import ElevenLabsAgent, ElevenLabsSession
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession
from relay.settings import Settings


@dataclass(frozen=True, slots=True)
class VendorContext:
    """What a session may use: the shared, kept-alive connection pool and the settings."""

    http: aiohttp.ClientSession
    settings: Settings


def _elevenlabs(spec: AgentSpec, context: VendorContext) -> AgentSession:
    settings = context.settings
    agent = ElevenLabsAgent(
        agent_id=spec.id,
        api_key=settings.elevenlabs_api_key,
        region=spec.options.get("region", settings.elevenlabs_region),
        base_url=spec.options.get("base_url", settings.elevenlabs_base_url),
    )
    return ElevenLabsSession(agent, context.http)


VENDORS: Mapping[str, Callable[[AgentSpec, VendorContext], AgentSession]] = {
    "elevenlabs": _elevenlabs,
}
