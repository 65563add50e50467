"""A call through what was deployed: the zips' code as AWS holds it, the environments as Terraform gave them.

Only the names that nobody can resolve here are replaced: the API's by a local one that obeys the deployed routes, and
the relay's by its port. The relay runs from this source; its image has tests of its own (tests/e2e).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import web

from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from sim.applets import Connect, Encoding, Passthru
from sim.caller import ScriptedCaller
from sim.exotel import CallPlan, FakeExotel
from sim.processes import child, free_port
from sim.scenario import load
from sim.serving import serving
from tests.support.compiled_relay import compiled_relay
from tests.support.lambda_runtime import Function, served
from tests.terraform.aws.stack import SETTINGS, Stack

SCENARIO = load("transfer_busy")


def code(stack: Stack, name: str) -> Path:
    """The zip that AWS would run."""
    deployed = stack.client("lambda").get_function(FunctionName=f"voice-bridge-{name}")
    file = stack.work / f"{name}.zip"
    with urlopen(deployed["Code"]["Location"]) as response:
        file.write_bytes(response.read())
    return file


@pytest.fixture
def functions(stack: Stack):
    """Both, running with the deployed environment; AWS_ENDPOINT_URL leads them to moto."""
    with ExitStack() as running:
        yield {
            name: running.enter_context(
                served(
                    code(stack, name),
                    stack.function(name)["Handler"],
                    {**stack.environ, **stack.function(name)["Environment"]["Variables"]},
                    stack.work / name,
                )
            )
            for name in ("webhook", "transfer")
        }


@asynccontextmanager
async def http_api(stack: Stack, functions: Mapping[str, Function]) -> AsyncIterator[str]:
    """The deployed routes and integrations, on this machine."""
    api = stack.client("apigatewayv2")
    api_id = api.get_apis()["Items"][0]["ApiId"]
    uris = {one["IntegrationId"]: one["IntegrationUri"] for one in api.get_integrations(ApiId=api_id)["Items"]}
    app = web.Application()
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        for route in api.get_routes(ApiId=api_id)["Items"]:
            method, path = route["RouteKey"].split()
            uri = uris[route["Target"].removeprefix("integrations/")]
            (function,) = [running for name, running in functions.items() if f":voice-bridge-{name}:live/" in uri]

            async def forward(request: web.Request, url: str = function.url) -> web.Response:
                async with http.request(
                    request.method,
                    url + request.raw_path,
                    headers={**request.headers, "X-Forwarded-Proto": request.scheme},  # as API Gateway does
                    data=await request.read(),
                ) as answer:
                    return web.Response(
                        status=answer.status, body=await answer.read(), content_type=answer.content_type
                    )

            app.router.add_route(method, path, forward)
        async with serving(app) as url:
            yield url


def record(stack: Stack, call_sid: str) -> dict[str, Any]:
    """The call's record in the bucket; empty as long as there is none."""
    s3 = stack.client("s3")
    try:
        body = s3.get_object(Bucket=stack.outputs["records_bucket"], Key=f"logs/{call_sid}.json")["Body"]
    except s3.exceptions.NoSuchKey:
        return {}
    found: dict[str, Any] = json.loads(body.read())
    return found


def complete(record: Mapping[str, Any]) -> bool:
    return record.get("sources") == ["relay", "webhook"] and record["transfer"]["state"] == "answered"


async def test_a_call_is_handed_over_and_recorded(stack: Stack, functions: dict[str, Function]):
    endpoint = stack.outputs["elevenlabs_webhook_url"].removesuffix("/webhook/post-call")
    async with http_api(stack, functions) as api_url:

        def here(url: str) -> str:
            return url.replace(endpoint, api_url)

        container = stack.container()
        environment = {pair["name"]: here(pair["value"]) for pair in container["environment"]}
        environment |= {one["name"]: stack.secret(one["valueFrom"]) for one in container["secrets"]}
        port = free_port()
        webhook = Webhook(here(stack.outputs["elevenlabs_webhook_url"]), SETTINGS["elevenlabs_webhook_secret"])
        agents = FakeElevenLabs(
            {SETTINGS["elevenlabs_agent_id"]: SCENARIO.agent},
            api_key=environment["ELEVENLABS_API_KEY"],
            webhook=webhook,
        )
        async with (
            serving(agents.app(), port=stack.let_elevenlabs_in()),
            child(
                "relay",
                environment | compiled_relay() | {"PORT": str(port)},
                port=port,
                path="/ready",
                log=stack.work / "relay.log",
            ) as relay_url,
        ):
            pasted = stack.pasted()
            media = urlsplit(pasted.voicebot).path
            passthru = here(pasted.passthru)
            afterwards = Passthru(passthru, encoding=Encoding.JSON)
            connect = Connect(
                here(pasted.connect),
                fallback_url=here(pasted.connect),
                people=SCENARIO.transfer.people,
                if_answered=afterwards,
                if_nobody=afterwards,
            )
            call = await FakeExotel().call(
                CallPlan(
                    url=relay_url.replace("http", "ws", 1) + media,
                    caller=lambda rate_hz: ScriptedCaller(SCENARIO.caller, rate_hz),
                    max_s=60,
                    flow=Passthru(passthru, waits=False, if_200=connect),
                )
            )
            assert (call.ended_by, call.flow.transfer, call.violations, call.flow.violations) == (
                "bot",
                "answered",
                (),
                [],
            )
            await agents.settled()
            assert [delivery.status for delivery in agents.deliveries] == [200]

            async with asyncio.timeout(20):
                # a bucket tells nobody that it has changed
                while not complete(record(stack, call.call_sid)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            sweep = stack.client("scheduler").get_schedule(Name="voice-bridge-sweep")["Target"]["Input"]
            swept = await asyncio.to_thread(functions["webhook"].invoke, json.loads(sweep))
    assert swept["failed"] == 0
    found = record(stack, call.call_sid)
    assert found["end_reason"] == "transferred"
    assert [one["state"] for one in found["transfer"]["attempts"]] == ["busy", "answered"]
    assert {turn["speaker"] for turn in found["turns"]} == {"agent", "caller"}
