"""Checks at the start whether vendors accept the agents' keys, before a caller finds out."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from console.checks.finding import Finding, Verdict
from console.checks.network import NoAnswerError, ask
from console.elevenlabs.client import Api, ApiError, Trouble
from console.elevenlabs.configured import Configured, configured_agents
from relay.agents import VENDORS
from relay.agents.agents_file import read_agents_file
from relay.agents.vendor import KeyCheck

PATIENCE_S: Final = 5.0
_CHECK: Final = "run.key"
_REFUSED: Final = {Trouble.KEY, Trouble.REGION, Trouble.PERMISSION, Trouble.ADDRESS, Trouble.UNKNOWN}

_Asked = Coroutine[Any, Any, Finding]


async def check_keys(environ: Mapping[str, str]) -> list[Finding]:
    """One finding for each key and each agent of ElevenLabs: `fail` if it is refused, `warn` if the check failed.

    Raises SettingError for an unreadable AGENTS_FILE.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), trust_env=True) as session:
        asked = [*_of_elevenlabs(session, environ), *_of_others(session, environ)]
        return list(await asyncio.gather(*asked))


def _of_elevenlabs(session: aiohttp.ClientSession, environ: Mapping[str, str]) -> Iterator[_Asked]:
    for one in configured_agents(environ):
        if one.agent.api_key:
            yield _signed_url(Api(session, one.agent.rest_url, one.agent.api_key, patience_s=0), one)


def _of_others(session: aiohttp.ClientSession, environ: Mapping[str, str]) -> Iterator[_Asked]:
    """One finding per key, whichever agents use it."""
    file = environ.get("AGENTS_FILE", "").strip()
    keys = {}
    for spec in read_agents_file(file, VENDORS) if file else ():
        vendor = VENDORS[spec.vendor]
        if door := vendor.key_check:
            name = str(spec.options.get("api_key_env") or vendor.key_env)
            own = str(spec.options.get("base_url") or "").replace("ws", "http", 1)
            keys[vendor.title, name] = (door, own if own.startswith("http") else door.base)
    for (title, name), (door, base) in keys.items():
        if key := environ.get(name, "").strip():  # without one the relay's settings report what is missing
            yield _tried(session, title, name, URL(base.rstrip("/") + door.path), door, key)


async def _signed_url(api: Api, one: Configured) -> Finding:
    """The request that the relay sends before each call."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await api.signed_url(one.agent.agent_id)
    except TimeoutError:
        return _unasked("ElevenLabs", "ELEVENLABS_API_KEY", f"gave no answer within {PATIENCE_S:g} s")
    except ApiError as error:
        if error.trouble not in _REFUSED:
            return _unasked("ElevenLabs", "ELEVENLABS_API_KEY", str(error))
        advice = "No call would get through. Check ELEVENLABS_API_KEY, ELEVENLABS_REGION and the agent's id."
        return Finding(_CHECK, Verdict.FAIL, f"{one.name}: {error}", advice)
    return Finding(_CHECK, Verdict.PASS, f"ElevenLabs accepts the key, and knows {one.name}")


async def _tried(
    session: aiohttp.ClientSession, vendor: str, setting: str, url: URL, door: KeyCheck, key: str
) -> Finding:
    headers = {door.header: door.value.format(key=key)}
    try:
        answer = await ask(session, url, headers=headers, patience_s=PATIENCE_S)
    except NoAnswerError as error:
        return _unasked(vendor, setting, f"it {error}")
    if answer.refused or b"API_KEY_INVALID" in answer.body:
        advice = f"No call would get through. Copy the key into {setting} again."
        return Finding(_CHECK, Verdict.FAIL, f"{vendor} refuses the key of {setting} ({answer.status})", advice)
    if answer.status != 200:
        return _unasked(vendor, setting, f"it answered {answer.status}")
    return Finding(_CHECK, Verdict.PASS, f"{vendor} accepts the key of {setting}")


def _unasked(vendor: str, setting: str, why: str) -> Finding:
    return Finding(_CHECK, Verdict.WARN, f"{setting} could not be checked at {vendor}: {why}", "Calls may fail.")
