"""A relay with its fakes, all in one process, for tests of whole calls in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from common.signature import RELAY_HEADER, Verdict, verify
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.app import RELAY, Relay, create_app
from relay.server import runner
from relay.settings import Settings
from sim.agent_script import AgentScript, Reply
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.serving import serving

API_KEY = "sk_test"
EVENTS_SECRET = "events-secret-of-nobody"
GREETING = AgentScript(
    replies=(Reply(on="start", say=("agent_greeting",)),), input_format="pcm_8000", output_format="pcm_8000"
)


@dataclass
class EventSink:
    """A stand-in for the webhook function: checks signatures, keeps events, answers as told."""

    events: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Statuses to answer with, one a request; then 200."""
    answer_after_s: float = 0.0
    transfer: dict[str, Any] | None = None
    progress: list[dict[str, Any]] = field(default_factory=list)
    """Kept apart: how many come depends on how long a call lasts."""
    told: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: {"progress": event["number"]}
    """What the answer to a progress says."""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/relay/events", self._receive)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.verdicts.append(verify(body, request.headers.get(RELAY_HEADER), [EVENTS_SECRET]))
        await asyncio.sleep(self.answer_after_s)
        if self.statuses and (status := self.statuses.pop(0)) != 200:
            return web.Response(status=status)
        event = json.loads(body)
        if event["type"] == "call.progress":
            self.progress.append(event)
            return web.json_response({"status": "ok", **self.told(event)})
        self.events.append(event)
        answer: dict[str, Any] = {"status": "ok", "duplicate": False}
        if event["type"] == "call.transfer_requested":
            accepted = {"accepted": True, "target": event["transfer"]["target"], "reason": None}
            answer["transfer"] = self.transfer or accepted
        return web.json_response(answer)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Events of one type."""
        return [event for event in self.events if event["type"] == f"call.{kind}"]


@dataclass
class World:
    """Everything a test may touch."""

    relay: Relay
    url: str
    agents: FakeElevenLabs
    sink: EventSink
    folder: Path
    http: aiohttp.ClientSession

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/media"

    async def call(self, **plan: Any) -> CallResult:
        """Place a call."""
        return await FakeExotel().call(CallPlan(**{"url": self.media_url, **plan}))

    def record(self, call_sid: str) -> dict[str, Any]:
        """The record in the local store."""
        return json.loads((self.folder / "logs" / f"{call_sid}.json").read_text())

    async def get(self, path: str, **kwargs: Any) -> tuple[int, Any]:
        """Status and JSON, or text, of a GET."""
        async with self.http.get(self.url + path, **kwargs) as response:
            text = await response.text()
            return response.status, json.loads(text) if "json" in response.content_type else text

    async def until(self, condition: Any, *, timeout: float = 30.0) -> None:
        """Let time pass until `condition()` holds."""
        async with asyncio.timeout(timeout):
            while not condition():  # noqa: ASYNC110 - for anything that can be looked at, and the time is virtual
                await asyncio.sleep(0.01)


@asynccontextmanager
async def relay_world(
    folder: Path,
    *agents: AgentScript,
    settings: Mapping[str, Any] | None = None,
    with_events_url: bool = False,
    agents_toml: str = "",
) -> AsyncIterator[World]:
    """A relay with `agents` behind it: `agent_0` is the default, `agents_toml` may say more (AGENTS_FILE)."""
    fake = FakeElevenLabs({f"agent_{n}": agent for n, agent in enumerate(agents or (GREETING,))}, api_key=API_KEY)
    sink = EventSink()
    async with serving(fake.app()) as agents_url, serving(sink.app()) as sink_url:
        chosen: dict[str, Any] = {
            "elevenlabs_agent_id": "agent_0",
            "elevenlabs_api_key": API_KEY,
            "elevenlabs_base_url": agents_url,
            "store": folder,
            **({"events_url": f"{sink_url}/relay/events", "events_secret": EVENTS_SECRET} if with_events_url else {}),
        }
        if agents_toml:
            (folder / "agents.toml").write_text(agents_toml)
            chosen["agents_file"] = str(folder / "agents.toml")
        app = create_app(replace(Settings(), **{**chosen, **(settings or {})}))
        async with listening(app) as url, aiohttp.ClientSession() as http:
            yield World(app[RELAY], url, fake, sink, folder, http)


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """The relay listens as it does when deployed, with all its limits."""
    served = runner(app)
    await served.setup()
    try:
        await web.TCPSite(served, "127.0.0.1", 0, backlog=1024).start()
        yield f"http://127.0.0.1:{served.addresses[0][1]}"
    finally:
        await served.cleanup()
