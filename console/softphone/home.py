"""Something to call right after cloning: a relay, and a fake agent that answers without an account anywhere.

Both are processes of their own: an agent that thinks must not make the line stutter.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from console.softphone.fake_agent import AGENT_ID, API_KEY, CAPTIONS
from sim.processes import child, free_port


@asynccontextmanager
async def at_home(store: Path, on_caption: Callable[[str, str], None]) -> AsyncIterator[str]:
    """A relay with a fake agent for as long as the block runs; yields its media URL, token included.

    `store`: an existing folder for its records, absolute. `on_caption` is told who (agent, caller,
    keys, tool) and what.
    Raises `sim.processes.StartError`.
    """
    token = secrets.token_urlsafe(16)
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(
            child("console.softphone.fake_agent", {}, port=free_port(), path="/", log=store / "softphone-agent.log")
        )
        environment = {
            "ELEVENLABS_AGENT_ID": AGENT_ID,
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agent,
            "BACKGROUND_SOUND_FILE": "office",
            "MEDIA_TOKEN": token,
            "STORE": f"file:{store}",
        }
        log = store / "softphone-relay.log"
        url = await stack.enter_async_context(child("relay", environment, port=free_port(), path="/ready", log=log))
        following = asyncio.create_task(_follow(agent + CAPTIONS, on_caption))
        try:
            yield f"{url.replace('http://', 'ws://')}/media/{token}"
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                await following


async def _follow(url: str, on_caption: Callable[[str, str], None]) -> None:
    """Pass on what the agent says and makes out, until it is gone."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        async for message in socket:
            who, text = json.loads(message.data)
            on_caption(who, text)
