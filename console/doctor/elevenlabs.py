"""Is the key valid, does every agent exist, and is each configured as the relay needs it?"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from yarl import URL

from common.documents import Document
from common.elevenlabs import REST_HOSTS
from common.env import SettingError
from console.checks.finding import Finding, Verdict
from console.checks.relay_address import RATES
from console.checks.subject import Subject
from console.elevenlabs.client import Api, ApiError, Trouble
from console.elevenlabs.configured import DEFAULT_LINE_HZ, Configured, Wishes, by_workspace, configured_agents
from console.elevenlabs.observation import Observation, as_finding
from console.elevenlabs.tools import observe_tools
from console.elevenlabs.wanted import observe
from console.words import make

PATIENCE_S: Final = 15.0
_REGIONS: Final = ", ".join(REST_HOSTS)

# trouble that affects the whole workspace, so further requests are pointless: (check, advice)
_WORKSPACE: Final = {
    Trouble.KEY: (
        "elevenlabs.key",
        "Copy the key again (ElevenLabs → Developers → API keys). Every region has keys of its own: "
        f"ELEVENLABS_REGION must be that of the workspace, one of {_REGIONS}.",
    ),
    Trouble.REGION: (
        "elevenlabs.region",
        f"Set ELEVENLABS_REGION to the region of the key's workspace (one of {_REGIONS}), or take that region's key.",
    ),
    Trouble.PERMISSION: (
        "elevenlabs.permissions",
        "Give the key permission to read ElevenLabs Agents (convai_read; for the set-up convai_write).",
    ),
    Trouble.ADDRESS: (
        "elevenlabs.address",
        "Allow this address at the key, or run the doctor where the relay runs; the relay's and the functions' "
        "outgoing addresses need the same.",
    ),
    Trouble.UNREACHABLE: (
        "elevenlabs.reachable",
        "Look at the network, a proxy, ELEVENLABS_REGION and ELEVENLABS_BASE_URL.",
    ),
    Trouble.SERVER: ("elevenlabs.reachable", "Try again later; status.elevenlabs.io reports known trouble."),
    Trouble.RATE: ("elevenlabs.reachable", "Try again in a minute."),
}


def workspace_finding(error: ApiError) -> Finding | None:
    """None for trouble that does not affect the whole workspace."""
    if error.trouble not in _WORKSPACE:
        return None
    check, advice = _WORKSPACE[error.trouble]
    return Finding(check, Verdict.FAIL, str(error), advice)


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """Findings `elevenlabs.…` of each workspace, then `agent.…` of each agent."""
    try:
        agents = configured_agents(subject.environ)
        wishes = Wishes.from_env(subject.environ, _line_hz(subject.relay_url))
    except SettingError as error:
        # nothing is configured here
        if error.name == "ELEVENLABS_AGENT_ID" and not subject.environ.get("ELEVENLABS_API_KEY"):
            yield Finding("elevenlabs.settings", Verdict.SKIPPED, str(error))
            return
        yield Finding("elevenlabs.settings", Verdict.FAIL, str(error), "Set it as the relay's settings have it.")
        return
    if not agents:
        yield Finding("elevenlabs.settings", Verdict.SKIPPED, "no agent of AGENTS_FILE is of ElevenLabs")
    for (base, key), members in by_workspace(agents).items():
        async for finding in _workspace(Api(subject.session, base, key, patience_s=PATIENCE_S), key, members, wishes):
            yield finding


async def _workspace(api: Api, key: str, members: list[Configured], wishes: Wishes) -> AsyncIterator[Finding]:
    names = ", ".join(one.name for one in members)
    if not key:
        found = f"no API key for {names}: nothing can be looked at"
        advice = "Set ELEVENLABS_API_KEY; without one an agent has to be public, and lost webhooks stay lost."
        yield Finding("elevenlabs.key", Verdict.WARN, found, advice)
        return
    try:
        tools = await api.tools()
    except ApiError as error:
        yield workspace_finding(error) or Finding(
            "elevenlabs.reachable", Verdict.FAIL, str(error), "Is it ElevenLabs that answers at ELEVENLABS_BASE_URL?"
        )
        return
    yield Finding("elevenlabs.key", Verdict.PASS, f"{api.base} accepts the key")
    for one in members:
        async for finding in _agent(api, one, tools, wishes.of(one)):
            yield finding


async def _agent(api: Api, one: Configured, tools: list[Document], wishes: Wishes) -> AsyncIterator[Finding]:
    if not one.agent.agent_id:
        advice = "Put the agent's id (agent_…) into AGENTS_FILE or ELEVENLABS_AGENT_ID."
        yield Finding("agent.exists", Verdict.FAIL, f"{one.alias} has no id", advice)
        return
    try:
        agent = await api.agent(one.agent.agent_id)
    except ApiError as error:
        yield workspace_finding(error) or Finding(
            "agent.exists",
            Verdict.FAIL,
            f"{one.name}: {error}",
            "Compare the id with the one at ElevenLabs, and the key with the workspace (and region) of the agent.",
        )
        return
    yield Finding("agent.exists", Verdict.PASS, f"{one.name} is there")
    for observation in (*observe(agent, wishes), *observe_tools(agent, tools, wishes)):
        yield as_finding(observation, one.alias, _remedy(observation, one, wishes))
    yield await _signed_url(api, one)


def _remedy(observation: Observation, one: Configured, wishes: Wishes) -> str:
    if observation.mend is None:
        return "Decide this yourself, at ElevenLabs."
    rate = {} if wishes.line_hz == DEFAULT_LINE_HZ else {"ARGS": f"--line-rate {wishes.line_hz}"}
    return f"`{make('setup-elevenlabs', AGENT=one.alias, **rate)}` does it, after asking."


def _line_hz(relay_url: str) -> int:
    """The rate in the applet's address; Exotel's default if it has none."""
    with suppress(ValueError):
        rate = URL(relay_url).query.get("sample-rate", "")
        return int(rate) if rate in RATES else DEFAULT_LINE_HZ
    return DEFAULT_LINE_HZ


async def _signed_url(api: Api, one: Configured) -> Finding:
    advice = "The relay asks for one at every call: without it no call gets through to this agent."
    try:
        url = await api.signed_url(one.agent.agent_id)
    except ApiError as error:
        return workspace_finding(error) or Finding("agent.signed_url", Verdict.FAIL, f"{one.name}: {error}", advice)
    if not url.startswith(("wss://", "ws://")):
        found = f"{one.name}: {api.base} gave no signed URL"
        return Finding("agent.signed_url", Verdict.FAIL, found, advice)
    return Finding("agent.signed_url", Verdict.PASS, f"{one.name}: the API returns a signed URL")
