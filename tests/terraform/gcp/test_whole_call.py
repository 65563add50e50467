"""The demo's transfer call over what Terraform deploys: archives, environment, secrets, permissions, URLs as pasted."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from google.api_core.exceptions import NotFound

from console.deployment import public_checks
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from relay.settings import Settings as RelaySettings
from sim.applets import Connect, Passthru
from sim.caller import ScriptedCaller
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.run import FRONT
from sim.scenario import Scenario, load
from sim.serving import serving
from tests.support.processes import ROOT, Served, free_port, wait_for
from tests.terraform.gcp.deployed import Deployed
from tests.terraform.gcp.guarded_storage import Grant, guarded
from tests.terraform.gcp.policy import Plan
from tests.terraform.gcp.watching import log_metrics
from tests.terraform.gcp.workspace import SECRETS, Workspace

WEBHOOK_SECRET = "wsec_secret_of_tests_0006"
COLD_START_S = 3.0


def short(scenario: Scenario) -> Scenario:
    """The agent hands over with its first words, and nobody rings for long: the same steps in a third of the time."""
    assert scenario.transfer is not None
    hand_over = msgspec.structs.replace(scenario.agent.replies[-1], on="start")
    people = {
        number: msgspec.structs.replace(person, ring_s=0.2, talk_s=0.3)
        for number, person in scenario.transfer.people.items()
    }
    return msgspec.structs.replace(
        scenario,
        caller=(),
        agent=msgspec.structs.replace(scenario.agent, replies=(hand_over,)),
        transfer=msgspec.structs.replace(scenario.transfer, people=people),
    )


SCENARIO = short(load("transfer_busy"))


@pytest.fixture(scope="module")
def agents_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def deployed(
    initialised: Workspace, agents_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployed, Mapping[str, Served]]]:
    """Applied with the real packages; the functions run."""
    if initialised.standin is None:
        pytest.skip("the real provider applies only with an account")
    folder = tmp_path_factory.mktemp("deployed")
    package = [sys.executable, "scripts/package_functions.py", "--cloud", "gcp", "--output", str(folder / "build")]
    subprocess.run(package, cwd=ROOT, check=True, capture_output=True)
    workspace = Workspace.copy_of(initialised.files, folder, initialised.standin)
    agents = f"http://127.0.0.1:{agents_port}"
    assert SCENARIO.transfer is not None
    workspace.apply(
        package_directory=str(folder / "build"),
        elevenlabs_agent_id=FRONT,
        elevenlabs_webhook_secret=WEBHOOK_SECRET,
        secret_versions=dict.fromkeys([*SECRETS, "elevenlabs_webhook_secret"], 1),
        transfer_targets=dict(SCENARIO.transfer.targets),
        relay_environment={"ELEVENLABS_BASE_URL": agents, "BACKGROUND_SOUND_FILE": "office"},
        webhook_environment={"ELEVENLABS_BASE_URL": agents, "SWEEP_AFTER_SECONDS": "0"},
        # The answer's own URL is https, and there is no TLS on this machine.
        transfer_environment={"CONNECT_EVENTS_URL": "http://127.0.0.1:TRANSFER/exotel/dial-events?token=EXOTEL"},
    )
    deployment = Deployed(workspace)
    transfer = deployment.resources['google_cloudfunctions2_function.function["transfer"]']
    settings = transfer["service_config"][0]["environment_variables"]
    settings["CONNECT_EVENTS_URL"] = (
        settings["CONNECT_EVENTS_URL"]
        .replace("TRANSFER", str(deployment.ports["transfer"]))
        .replace("EXOTEL", SECRETS["exotel_token"])
    )
    with deployment.functions(folder) as functions:
        yield deployment, functions


def fake_agents(deployment: Deployed) -> FakeElevenLabs:
    webhook = Webhook(deployment.here(deployment.outputs["elevenlabs_webhook_url"]), WEBHOOK_SECRET, delay_s=0.5)
    return FakeElevenLabs({FRONT: SCENARIO.agent}, api_key=SECRETS["elevenlabs_api_key"], webhook=webhook)


def plan_of(deployment: Deployed) -> CallPlan:
    """The flow with the URLs of the numbered list pasted in."""
    pasted = deployment.pasted
    assert SCENARIO.transfer is not None
    afterwards = Passthru(deployment.here(pasted.passthru))
    connect = Connect(
        deployment.here(pasted.connect),
        fallback_url=deployment.here(pasted.connect),
        people=SCENARIO.transfer.people,
        if_answered=afterwards,
        if_nobody=afterwards,
    )
    return CallPlan(
        url=deployment.here(pasted.voicebot),
        caller=lambda rate_hz: ScriptedCaller(SCENARIO.caller, rate_hz),
        flow=Passthru(deployment.here(pasted.passthru), waits=False, if_200=connect),
    )


async def record_of(deployment: Deployed, call_sid: str, complete: str) -> dict:
    """The record once it has `complete`; fails when it never does."""

    def read() -> dict:
        try:
            return json.loads(deployment.bucket().blob(f"logs/{call_sid}.json").download_as_bytes())
        except NotFound:
            return {}

    record: dict = {}
    async with asyncio.timeout(20):
        while complete not in json.dumps(record, separators=(",", ":")):
            record = await asyncio.to_thread(read)
    return record


def test_sweep_runs(deployed: tuple[Deployed, Mapping[str, Served]]):
    """As Cloud Scheduler starts it; its permissions are enough."""
    deployment, functions = deployed
    assert public_checks.status_of(functions["sweep"].url, "POST") == 200
    wait_for(lambda: '"sweep_done"' in functions["sweep"].output(), "sweep_done in the log")
    assert deployment.refused == []


def test_the_door_refuses_what_is_not_granted(deployed: tuple[Deployed, Mapping[str, Served]]):
    """The check on permissions can fail; and who may not list is told 403, not 404, of what is not there."""
    deployment, _ = deployed
    grants = [Grant("roles/storage.objectViewer", ("callers/",))]
    listing = [*grants, Grant("roles/storage.legacyBucketReader", None)]
    upstream = deployment.storage.removeprefix("http://")
    path = f"/storage/v1/b/{deployment.bucket().name}/o"
    for granted, asked, status in (
        (grants, f"{path}/calls%2Fa", 403),
        (grants, f"{path}/callers%2Fa", 403),
        (grants, path, 403),
        (listing, f"{path}/callers%2Fa", 404),
        (listing, path, 200),
    ):
        with guarded(granted, upstream, []) as url:
            assert public_checks.status_of(url + asked) == status, asked


async def test_demo_call_with_transfer(deployed: tuple[Deployed, Mapping[str, Served]], agents_port: int, plan: dict):
    """Agent asks for a human, first number busy, second answers, webhook afterwards: all in the deployment's bucket."""
    deployment, functions = deployed
    agents = fake_agents(deployment)
    async with serving(agents.app(), port=agents_port):
        with deployment.relay() as relay:
            result: CallResult = await FakeExotel().call(plan_of(deployment))
            await agents.settled()
            record = await record_of(deployment, result.call_sid, '"webhook"]')
            logged = relay.output()
        logged += "".join(function.output() for function in functions.values())
    assert not result.violations
    assert not result.flow.violations
    assert result.flow.transfer == "answered"
    assert record["end_reason"] == "transferred"
    assert record["transfer"]["state"] == "answered"
    assert [attempt["state"] for attempt in record["transfer"]["attempts"]] == ["busy", "answered"]
    assert record["sources"] == ["relay", "webhook"]
    assert deployment.refused == []
    _logs_feed_the_metrics(logged, plan)
    assert not [name for name, value in SECRETS.items() if value in logged]


def _logs_feed_the_metrics(logged: str, plan: dict) -> None:
    """Every metric about an event that was logged finds its fields in the lines."""
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    by_event: dict[str, list[dict]] = {}
    for line in lines:
        by_event.setdefault(line.get("event", ""), []).append(line)
    assert {"call_started", "call_ended", "webhook_received", "connect_answered", "transfer_outcome"} <= set(by_event)
    for metric in log_metrics(Plan(plan, SECRETS)).values():
        for line in by_event.get(metric.event or "", []):
            assert metric.fields <= set(line), (metric.name, line)
            for field in metric.fields:
                kind = str if field in metric.labels else int | float
                assert isinstance(line[field], kind | None), (metric.name, field, line[field])


async def test_sigterm_hands_over_and_posts_within_ten_seconds(
    deployed: tuple[Deployed, Mapping[str, Served]], agents_port: int
):
    """Cloud Run replaces an instance with ten seconds' notice, calls or not. Nothing of a call may be lost in them,
    even if the webhook function has to start first."""
    deployment, functions = deployed
    agents = fake_agents(deployment)
    cold = cold_function(functions["webhook"].url)
    async with serving(agents.app(), port=agents_port), serving(cold) as cold_url:
        with deployment.relay(EVENTS_URL=f"{cold_url}/relay/events") as relay:
            calls = [asyncio.create_task(FakeExotel().call(plan_of(deployment))) for _ in range(5)]
            await asyncio.to_thread(wait_for, lambda: relay.output().count('"call_started"') == 5, "five calls")
            relay.process.send_signal(signal.SIGTERM)
            try:
                status = await asyncio.to_thread(relay.process.wait, 10)
            except subprocess.TimeoutExpired:
                relay.process.kill()  # as Cloud Run does
                status = -signal.SIGKILL
            results = await asyncio.gather(*calls)
            logged = relay.output()
        records = [await record_of(deployment, result.call_sid, '"end_reason":"') for result in results]
    assert {record["end_reason"] for record in records} == {"shutdown"}
    assert '"event_undelivered"' not in logged
    assert status == 0


def cold_function(url: str) -> web.Application:
    """A function that has to start before it answers."""

    async def forward(request: web.Request) -> web.Response:
        await asyncio.sleep(COLD_START_S)
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}{request.path}", data=await request.read(), headers=request.headers) as response,
        ):
            return web.Response(status=response.status, body=await response.read())

    app = web.Application()
    app.router.add_post("/relay/events", forward)
    return app


def test_checks_from_outside_pass(deployed: tuple[Deployed, Mapping[str, Served]]):
    """The last step of `make deploy-gcp`, against the real relay and functions."""
    deployment, _ = deployed
    outputs = {name: deployment.here(value) for name, value in deployment.outputs.items()}
    with deployment.relay():
        public_checks.wait_until_ready(outputs["relay_url"], patience_s=10, pause_s=0.05)
        public_checks.check_upgrade(deployment.here(deployment.pasted.voicebot))
        public_checks.check_refusals(outputs["elevenlabs_webhook_url"], deployment.here(deployment.pasted.connect))


def test_relay_takes_the_environment(deployed: tuple[Deployed, Mapping[str, Served]]):
    """What Terraform sets is what the relay reads: nothing misspelt, nothing refused."""
    deployment, _ = deployed
    environment = deployment.relay_environment()
    settings = RelaySettings.from_env(environment)
    assert (settings.max_calls, settings.max_call_s, settings.stats_s) == (100, 3540, 60)
    assert settings.media_token == SECRETS["media_token"]
    text = (ROOT / "relay/settings.py").read_text()
    assert [name for name in environment if f'"{name}"' not in text] == []


def test_functions_read_every_setting_they_are_given(deployed: tuple[Deployed, Mapping[str, Served]]):
    deployment, _ = deployed
    for name, folder in (("webhook", "webhook"), ("sweep", "webhook"), ("transfer", "transfer")):
        text = "".join(
            path.read_text() for part in (folder, "common") for path in Path(ROOT / "functions" / part).glob("*.py")
        )
        given = set(deployment.function_environment(name)) - {"THREADS"}  # the functions framework's
        assert [key for key in given if f'"{key}"' not in text] == [], name
