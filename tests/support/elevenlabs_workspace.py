"""A fake ElevenLabs, a webhook function, and the commands that look at the two and set them up."""

import argparse
import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from console.checks.finding import Finding, Verdict
from console.checks.subject import Subject
from console.doctor import elevenlabs, webhook
from console.setup import command
from console.setup.elevenlabs import Terminal, set_up
from functions.common.http import request as to_request
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_rest import Workspace
from sim.agent_script import AgentScript, Reply
from sim.serving import serving
from tests.support.memory_store import MemoryStore

API_KEY = "sk_of_nobody_at_all"
AGENT_ID = "agent_1"
SCRIPT = AgentScript(replies=(Reply(on="start", say=("agent_greeting",)),))


@dataclass
class World:
    """What a test may touch. `environ` is what the commands are given, `functions` what the webhook function is."""

    scripts: dict[str, AgentScript]
    fake: FakeElevenLabs
    session: aiohttp.ClientSession
    environ: dict[str, str]
    functions: dict[str, str]
    webhook_url: str = ""
    store: MemoryStore = field(default_factory=MemoryStore)
    questions: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return self.fake.workspace

    @property
    def agent(self) -> dict[str, Any]:
        """The agent as the workspace has it; may be changed."""
        return self.workspace.agents[AGENT_ID]

    @property
    def config(self) -> dict[str, Any]:
        """Its conversation_config."""
        return self.agent["conversation_config"]

    def tool(self, name: str) -> dict[str, Any]:
        """The configuration of the workspace's only tool of this name."""
        (found,) = [config for config in self.workspace.tools.values() if config["name"] == name]
        return found

    def only_webhook(self) -> dict[str, Any]:
        (found,) = self.workspace.webhooks.values()
        return found

    async def setup(self, *arguments: str, answer: Any = "y", shows_secrets: bool = True) -> tuple[int, str]:
        """Exit status and output of `console setup elevenlabs …`. `answer` None: nobody is there; EOFError: Ctrl-D."""
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        out = io.StringIO()

        def ask(question: str) -> str:
            self.questions.append(question)
            if answer is EOFError:
                raise EOFError
            assert isinstance(answer, str)
            return answer

        terminal = Terminal(out, ask if answer is not None else None, shows_secrets)
        status = await set_up(parser.parse_args(["elevenlabs", *arguments]), self.environ, terminal)
        return status, out.getvalue()

    async def doctor(self, *, now: Callable[[], float] | None = None) -> list[Finding]:
        """What both parts that know ElevenLabs find."""
        more: Mapping[str, Any] = {"now": now} if now else {}
        subject = Subject(self.environ, self.session, webhook_url=self.webhook_url, **more)
        found = [finding async for finding in elevenlabs.examine(subject)]
        return found + [finding async for finding in webhook.examine(subject)]

    async def answer(self, request: web.Request) -> web.Response:
        """The webhook function, with the settings of the moment."""
        app = WebhookApp(WebhookSettings.from_env(self.functions), self.store)
        body = await request.read()
        response = app.handle(to_request(request.method, request.path, request.query_string, request.headers, body))
        return web.Response(status=response.status, body=response.body, headers=response.headers)


@asynccontextmanager
async def elevenlabs_world(**environ: str) -> AsyncIterator[World]:
    """With one agent, as somebody makes it who has read nothing."""
    scripts = {AGENT_ID: SCRIPT}
    fake = FakeElevenLabs(scripts, api_key=API_KEY)
    async with serving(fake.app()) as url, aiohttp.ClientSession() as session:
        given = {"ELEVENLABS_BASE_URL": url, "ELEVENLABS_API_KEY": API_KEY, "ELEVENLABS_AGENT_ID": AGENT_ID, **environ}
        world = World(scripts, fake, session, given, {})
        functions = web.Application()
        functions.router.add_route("*", "/{path:.*}", world.answer)
        async with serving(functions) as functions_url:
            world.webhook_url = f"{functions_url}/webhook/post-call"
            yield world


async def make_good(world: World) -> None:
    """Everything as both the relay and a careful person want it."""
    world.workspace.tells_retries = True
    world.config["agent"]["first_message"] = "Hello!"
    status, output = await world.setup("--webhook-url", world.webhook_url, "--private")
    assert status == 0, output
    (secret,) = world.workspace.secrets.values()
    world.environ["ELEVENLABS_WEBHOOK_SECRET"] = world.functions["ELEVENLABS_WEBHOOK_SECRET"] = secret
    world.workspace.asked.clear()
    world.questions.clear()


def amiss(findings: list[Finding]) -> dict[str, Verdict]:
    """What is not in order, by check."""
    return {one.check: one.verdict for one in findings if one.verdict in {Verdict.WARN, Verdict.FAIL}}
