"""Checks every hosted agent of AGENTS_FILE: a session can be opened, and its models are not about to be shut down."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp

from common.env import SettingError
from console.checks.finding import Finding, Verdict
from console.checks.subject import Subject
from relay.agents import HOSTED, VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentError, AgentSession, CallInfo
from relay.agents.vendor import Vendor, VendorContext
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings

PATIENCE_S = 15.0
_LINE = AudioFormat(Encoding.PCM, 8000)
_CALL = CallInfo("doctor", "doctor", "", "", _LINE)
_OWN_PART = "elevenlabs"  # its agents are checked one by one in a part of their own


async def examine(subject: Subject) -> AsyncIterator[Finding]:
    """`agents.session` and `agents.model` for each agent; `agents.settings` if there is nothing to check."""
    try:
        settings = Settings.from_env(subject.environ)
        roster = read_agents_file(settings.agents_file, VENDORS) if settings.agents_file else ()
    except SettingError as error:
        yield Finding("agents.settings", Verdict.SKIPPED, f"the settings can't be read, see settings.relay: {error}")
        return
    agents = [spec for spec in roster if spec.vendor in HOSTED and spec.vendor != _OWN_PART]
    if not agents:
        yield Finding("agents.settings", Verdict.SKIPPED, "AGENTS_FILE has no agent of a vendor besides ElevenLabs")
    for spec in agents:
        vendor = HOSTED[spec.vendor]
        yield _models(spec, vendor)
        if subject.place_call:
            yield await _session(subject.session, spec, vendor, settings)
        else:
            yield Finding(
                "agents.session", Verdict.SKIPPED, f"agent {spec.alias} was not tried: no test call (--no-call)"
            )


def _models(spec: AgentSpec, vendor: Vendor) -> Finding:
    ending = vendor.ending(spec)
    if not ending:
        return Finding("agents.model", Verdict.PASS, f"no shutdown is announced for what agent {spec.alias} uses")
    told = ", ".join(f"{model} on {day}" for model, day in ending.items())
    found = f"{vendor.title} shuts down what agent {spec.alias} uses: {told}"
    return Finding("agents.model", Verdict.WARN, found, "Name a successor in AGENTS_FILE before that day.")


async def _session(http: aiohttp.ClientSession, spec: AgentSpec, vendor: Vendor, settings: Settings) -> Finding:
    """Open a session as the relay does for a call, and close it."""
    advice = f"No call would reach {spec.alias}: check its entry in AGENTS_FILE, {vendor.key_env} and the account."
    try:
        session = vendor.configure(spec, settings)(VendorContext(http, settings, _no_other))
    except SettingError as error:
        return Finding("agents.session", Verdict.FAIL, str(error), advice)
    try:
        async with asyncio.timeout(PATIENCE_S):
            formats = await session.connect(_CALL)
    except TimeoutError:
        found = f"agent {spec.alias} ({vendor.title}) was not ready within {PATIENCE_S:g} s"
        return Finding("agents.session", Verdict.FAIL, found, advice)
    except AgentError as error:
        found = f"agent {spec.alias} ({vendor.title}): {error.reason}: {error}"
        return Finding("agents.session", Verdict.FAIL, found, advice)
    finally:
        await session.close()
    found = f"agent {spec.alias} ({vendor.title}) hears {formats.heard} and speaks {formats.spoken}"
    return Finding("agents.session", Verdict.PASS, found)


def _no_other(alias: str) -> AgentSession:
    """Hosted agents wrap no others."""
    raise SettingError("AGENTS_FILE", alias, "no agent inside another")
