"""The whole stack with a fault proxy between any two parts, in one process and in virtual time.

Half of the calls go through the proxies, the other half beside them: whatever is done to the first, the second must not
notice.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import AF_INET, AF_INET6, AddressFamily, gaierror
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import structs

from functions.common.store.folder import FolderStore
from functions.local import application as functions_application
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from relay.app import RELAY, Relay, create_app
from relay.settings import Settings
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.processes import free_port
from sim.run import API_KEY, EVENTS_SECRET, EXOTEL_TOKEN, WEBHOOK_SECRET
from sim.serving import serving
from tests.chaos.faulty_store import FaultyStore
from tests.support.fault_proxy import FaultProxy
from tests.support.relay_world import listening

TALKS = AgentScript(
    replies=(Reply(on="start", say=("agent_greeting",)), Reply(on="heard:caller_hours", say=("agent_hours",))),
    input_format="pcm_8000",
    output_format="pcm_8000",
)
BACKUP = structs.replace(TALKS, replies=(Reply(on="start", say=("backup_greeting",)), *TALKS.replies[1:]))


def asks(call_s: float) -> tuple[Step, ...]:
    """Asks once the agent has greeted, listens, and hangs up after `call_s`."""
    return (
        Step(when=When.AGENT_FINISHED, ms=700, say="caller_hours"),
        Step(when=When.AT, ms=round(call_s * 1000), hang_up=True),
    )


Answerer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer = Callable[[web.Request, Answerer], Awaitable[web.StreamResponse]]


AGENT_HOST = "agent.test"


class NameServer(AbstractResolver):
    """Knows the shaky agent's name. `addresses` in the answer's order; none: it fails. `takes_s`: how slow it is."""

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ("127.0.0.1",)
        self.takes_s = 0.0

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        """Raises gaierror for any other name, too."""
        await asyncio.sleep(self.takes_s)
        if host != AGENT_HOST or not self.addresses:
            raise gaierror(-3, "Temporary failure in name resolution")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=AF_INET6 if ":" in address else AF_INET, proto=6, flags=0
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing to do."""


@dataclass
class ChaosWorld:
    """What a fault may touch. `line`, `agent`, `functions`: the proxies; `names` knows the shaky agent's address."""

    relay: Relay
    relay_url: str
    line: FaultProxy
    agent: FaultProxy
    functions: FaultProxy
    store: FaultyStore
    agents: FakeElevenLabs
    folder: Path
    environment: dict[str, str]
    names: NameServer
    answers: list[Answer] = field(default_factory=list)
    """What the functions do with their next requests instead of answering them, one a request."""
    results: dict[str, CallResult] = field(default_factory=dict)
    clock_off_s: float = 0.0
    """How wrong the relay's time of day is."""

    async def call(self, name: str, *, shaken: bool, **plan: Any) -> CallResult:
        """One call, through the proxies or beside them."""
        url = (self.line.url if shaken else self.relay_url).replace("http", "ws", 1)
        whole = {"url": f"{url}/media/{'shaky' if shaken else 'steady'}", "call_sid": name, "max_s": 60}
        result = await FakeExotel().call(CallPlan(**{**whole, **plan}))
        self.results[name] = result
        return result

    def record(self, call_sid: str) -> dict[str, Any]:
        """The record, empty when there is none."""
        path = self.folder / "logs" / f"{call_sid}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def events(self, call_sid: str) -> list[str]:
        """The types of the events that are stored of a call."""
        found = (self.folder / "calls" / call_sid / "events").glob("*.json")
        return sorted(json.loads(path.read_text())["type"] for path in found)

    def sweep(self, *, later_s: float = 0.0) -> None:
        """What the schedule does, `later_s` from now."""
        settings = WebhookSettings.from_env(self.environment)
        WebhookApp(settings, self.store, lambda: time.time() + later_s).sweep()

    async def settled(self) -> None:
        """All events delivered or given up, all webhooks sent."""
        async with asyncio.timeout(300):
            while self.relay.streams or self.relay.services.events.pending:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.1)
        await self.agents.settled(timeout=300)


def functions_environment(folder: Path) -> dict[str, str]:
    """The settings of the functions."""
    return {
        "STORE": f"file:{folder}",
        "EVENTS_SECRET": EVENTS_SECRET,
        "ELEVENLABS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "EXOTEL_TOKEN": EXOTEL_TOKEN,
        "SWEEP_EVERY_SECONDS": "0",
    }


def faulty_functions(environment: dict[str, str], store: FaultyStore, answers: list[Answer]) -> web.Application:
    """Both functions over `store`; the next events get the next of `answers`."""

    @web.middleware
    async def misbehave(request: web.Request, handler: Answerer) -> web.StreamResponse:
        if answers and request.path == "/relay/events":
            return await answers.pop(0)(request, handler)
        return await handler(request)

    with patch("functions.local.store", lambda env: store):
        functions = functions_application(environment)
    functions.middlewares.append(misbehave)
    return functions


async def _look_up(relay: Relay, url: str) -> None:
    """The relay had calls before and knows the agent; the client's own memory of ten seconds is over."""
    http = relay.lineup._http
    async with http.get(url, headers={"Connection": "close"}) as response:
        assert response.status < 500
    http.connector.clear_dns_cache()


@asynccontextmanager
async def chaos_world(folder: Path, *, script: AgentScript = TALKS, **settings: str) -> AsyncIterator[ChaosWorld]:
    """`script`: the agent behind the proxy."""
    functions_port = free_port()
    direct = f"http://127.0.0.1:{functions_port}"
    webhook = Webhook(f"{direct}/webhook/post-call", WEBHOOK_SECRET, delay_s=2.5)
    agents = FakeElevenLabs(
        {"agent_shaky": script, "agent_steady": TALKS, "agent_backup": BACKUP}, api_key=API_KEY, webhook=webhook
    )
    store = FaultyStore(FolderStore(str(folder)))
    async with AsyncExitStack() as stack:
        agents_url = await stack.enter_async_context(serving(agents.app()))
        environment = functions_environment(folder)
        answers: list[Answer] = []
        functions = faulty_functions(environment, store, answers)
        await stack.enter_async_context(serving(functions, port=functions_port))
        to_agent = await stack.enter_async_context(FaultProxy(agents_url))
        to_functions = await stack.enter_async_context(FaultProxy(direct))
        shaky_url = to_agent.url.replace("127.0.0.1", AGENT_HOST)
        names = NameServer()
        stack.enter_context(patch("relay.outgoing.ThreadedResolver", lambda: names))
        (folder / "agents.toml").write_text(
            f'default = "steady"\n[agents.steady]\nid = "agent_steady"\n[agents.backup]\nid = "agent_backup"\n'
            f'[agents.shaky]\nid = "agent_shaky"\nfallback = "backup"\noptions = {{ base_url = "{shaky_url}" }}\n'
        )
        relay_app = create_app(
            Settings.from_env(
                {
                    "HOST": "127.0.0.1",
                    "AGENTS_FILE": str(folder / "agents.toml"),
                    "ELEVENLABS_API_KEY": API_KEY,
                    "ELEVENLABS_BASE_URL": agents_url,
                    "BACKGROUND_SOUND_FILE": "office",
                    "EVENTS_URL": f"{to_functions.url}/relay/events",
                    "EVENTS_SECRET": EVENTS_SECRET,
                    **settings,
                }
            )
        )
        relay_url = await stack.enter_async_context(listening(relay_app))
        to_relay = await stack.enter_async_context(FaultProxy(relay_url))
        world = ChaosWorld(
            relay_app[RELAY],
            relay_url,
            to_relay,
            to_agent,
            to_functions,
            store,
            agents,
            folder,
            environment,
            names,
            answers,
        )
        await _look_up(relay_app[RELAY], shaky_url)
        with patch("relay.events.receiver_clock.time", lambda: time.time() + world.clock_off_s):
            yield world
