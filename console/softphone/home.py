"""Something to call right after cloning: a local relay, and a fake agent that needs no account.

They are separate processes, so that a busy agent does not make the line stutter.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from console.softphone.fake_agent import AGENT_ID, API_KEY, CAPTIONS
from sim.processes import child, free_port


@dataclass(frozen=True, slots=True)
class Home:
    """`media_url`: of the relay, token included. `agent_url`: of the fake agent."""

    media_url: str
    agent_url: str


@asynccontextmanager
async def at_home(store: Path) -> AsyncIterator[Home]:
    """A relay with a fake agent, inside the block. `store`: an existing folder for its records, absolute.

    Raises `sim.processes.StartError`.
    """
    token = secrets.token_urlsafe(16)
    async with AsyncExitStack() as stack:
        log = store / "softphone-agent.log"
        agent_url = await stack.enter_async_context(
            child("console.softphone.fake_agent", {}, port=free_port(), path="/", log=log)
        )
        environment = {
            "ELEVENLABS_AGENT_ID": AGENT_ID,
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agent_url,
            "BACKGROUND_SOUND_FILE": "office",
            "MEDIA_TOKEN": token,
            "STORE": f"file:{store}",
        }
        log = store / "softphone-relay.log"
        url = await stack.enter_async_context(child("relay", environment, port=free_port(), path="/ready", log=log))
        yield Home(f"{url.replace('http://', 'ws://')}/media/{token}", agent_url)


@asynccontextmanager
async def captioned(home: Home, on_caption: Callable[[str, str], None]) -> AsyncIterator[None]:
    """Inside the block, `on_caption` gets who (agent, caller, keys, tool, unanswered) and what."""
    following = asyncio.create_task(_follow(home.agent_url + CAPTIONS, on_caption))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])


async def _follow(url: str, on_caption: Callable[[str, str], None]) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        async for message in socket:
            who, text = json.loads(message.data)
            on_caption(who, text)
