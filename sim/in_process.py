"""Relay, functions and fakes in one process and one event loop: a scenario plays in virtual time, in a second or two.

What waits for seconds in a thread (a connect request for a late webhook) can't be played this way: virtual time stands
still while a thread works. The demo plays that in real time.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from functions.local import application as functions_application
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.app import create_app
from relay.settings import Settings
from sim.processes import free_port
from sim.run import API_KEY, World, agent_scripts, functions_environment, post_call_webhook, relay_environment
from sim.scenario import Scenario
from sim.serving import serving
from sim.timeline import Timeline


@asynccontextmanager
async def in_process(scenario: Scenario, folder: Path) -> AsyncIterator[World]:
    """Everything around a scenario, ready for `play`; `folder` is the store."""
    timeline = Timeline()
    functions_port = free_port()
    functions_url = f"http://127.0.0.1:{functions_port}"
    webhook = post_call_webhook(scenario, functions_url)
    agents = FakeElevenLabs(agent_scripts(scenario), api_key=API_KEY, webhook=webhook, timeline=timeline)
    async with AsyncExitStack() as stack:
        elevenlabs_url = await stack.enter_async_context(serving(agents.app()))
        environment = functions_environment(
            scenario, elevenlabs_url=elevenlabs_url, folder=folder, functions_url=functions_url
        )
        functions = functions_application({**environment, "SWEEP_EVERY_SECONDS": "0"})
        await stack.enter_async_context(serving(functions, port=functions_port))
        environment = relay_environment(
            scenario, elevenlabs_url=elevenlabs_url, folder=folder, functions_url=functions_url
        )
        relay_url = await stack.enter_async_context(serving(create_app(Settings.from_env(environment))))
        media_url = relay_url.replace("http://", "ws://") + "/media"
        yield World(media_url, agents, folder, functions_url, timeline)
