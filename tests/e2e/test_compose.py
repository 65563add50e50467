"""`docker compose up` on one machine, as far as it goes without an engine.

compose.yaml is held to the published schema; then what it says is started as processes: its variables, its own
Caddyfile in a real Caddy (with a certificate of Caddy's own authority, because there is no public name), and a call
that is handed to a human goes through all three.
"""

import asyncio
import json
import re
import shutil
import ssl
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp
import jsonschema
import pytest
import yaml

from console.deployment import relay_image
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.applets import Connect
from sim.exotel import CallPlan, FakeExotel
from sim.scenario import load
from sim.serving import serving
from tests.support.compiled_relay import compiled_relay
from tests.support.processes import BARE, ROOT, free_port, server, wait_for
from tests.support.relay_world import API_KEY
from tests.support.terraform import cannot_run

SCHEMA = ROOT / ".cache/compose/compose_spec.json"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
EXAMPLE = ROOT / "infra/compose/example.env"


def test_the_file_fits_the_schema():
    if not SCHEMA.exists():
        cannot_run("the schema of compose files is missing: make .cache/compose/compose_spec.json")
    jsonschema.validate(COMPOSE, json.loads(SCHEMA.read_text()))


def test_what_must_be_set_stands_in_the_example():
    """A variable that stops `docker compose up` when it is missing is one that a newcomer is told of."""
    demanded = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    assert demanded == {"DOMAIN", "MEDIA_TOKEN", "EVENTS_SECRET", "EXOTEL_TOKEN"}
    offered = set(re.findall(r"^(\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert demanded <= offered


@pytest.mark.parametrize("part", ["relay", "functions"])
def test_an_image_is_built_from_what_its_dockerfile_copies(part):
    """What .dockerignore keeps from the engine can't be copied."""
    dockerfile = ROOT / COMPOSE["services"][part]["build"]["dockerfile"]
    own = dockerfile.with_name("Dockerfile.dockerignore")
    ignore = (own if own.exists() else ROOT / ".dockerignore").read_text()
    let_in = {line.removeprefix("!") for line in ignore.splitlines() if line.startswith("!")}
    copied = relay_image.content(dockerfile.read_text())
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == allowed or source.startswith(f"{allowed}/") for allowed in let_in), source


@pytest.fixture
def settings(tmp_path) -> dict[str, str]:
    """.env, filled in."""
    names = re.findall(r"^(\w+)=", EXAMPLE.read_text(), re.MULTILINE)
    filled = {name: f"{name.lower()}-of-the-compose-test" for name in names}
    return filled | {"ELEVENLABS_API_KEY": API_KEY}


def environment(part: str, settings: dict[str, str], **instead: str) -> dict[str, str]:
    """What the engine would give a container of this part; `instead`: what is different without an engine."""
    service = COMPOSE["services"][part]
    given = {name: _filled(value, settings) for name, value in service["environment"].items()}
    return {**BARE, **(settings if service.get("env_file") else {}), **given, **instead}


def _filled(value: str, settings: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: settings[found[1]], value)


def test_a_call_goes_through_caddy_relay_and_functions(settings, tmp_path):
    if (caddy := shutil.which("caddy")) is None:
        cannot_run("caddy is not installed")
    asyncio.run(_call(caddy, settings, tmp_path))


async def _certified(port: int, tls: ssl.SSLContext) -> None:
    """Wait until Caddy has its certificate: it listens before, and then breaks every handshake off.

    Where the machine was busy, the call needed a second one.
    """
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):  # ssl.SSLError is one
                _, writer = await asyncio.open_connection("localhost", port, ssl=tls)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _call(caddy: str, settings: dict[str, str], folder: Path) -> None:
    ports = {name: free_port() for name in ("relay", "functions", "http", "https")}
    settings["DOMAIN"] = f"localhost:{ports['https']}"
    scenario = load("transfer_busy")
    assert scenario.transfer is not None
    settings["TRANSFER_TARGETS"] = json.dumps(dict(scenario.transfer.targets))
    fake = FakeElevenLabs({settings["ELEVENLABS_AGENT_ID"]: scenario.agent}, api_key=API_KEY)
    async with serving(fake.app()) as agents_url:
        functions = environment(
            "functions", settings, HOST="127.0.0.1", PORT=str(ports["functions"]), STORE=f"file:{folder}/records",
            ELEVENLABS_BASE_URL=agents_url,
        )  # fmt: skip
        relay = environment(
            "relay", settings, HOST="127.0.0.1", PORT=str(ports["relay"]), ELEVENLABS_BASE_URL=agents_url,
            EVENTS_URL=f"http://127.0.0.1:{ports['functions']}/relay/events",
        )  # fmt: skip
        front = environment(
            "caddy", settings, HTTP_PORT=str(ports["http"]), HTTPS_PORT=str(ports["https"]), HOME=str(folder),
            XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder),
            RELAY=f"127.0.0.1:{ports['relay']}", FUNCTIONS=f"127.0.0.1:{ports['functions']}",
        )  # fmt: skip
        (folder / "records").mkdir()
        command = [caddy, "run", "--config", str(ROOT / "infra/compose/Caddyfile"), "--adapter", "caddyfile"]
        with (
            server([sys.executable, "-m", "functions.local"], ports["functions"], functions),
            server([sys.executable, "-m", "relay"], ports["relay"], {**relay, **compiled_relay()}),
            server(command, ports["https"], front, folder),
        ):
            authority = folder / "caddy/pki/authorities/local/root.crt"
            await asyncio.to_thread(wait_for, authority.exists, "Caddy's authority")
            tls = ssl.create_default_context(cafile=authority)
            await _certified(ports["https"], tls)
            base = f"https://localhost:{ports['https']}"
            connect = f"{base}/exotel/connect?token={settings['EXOTEL_TOKEN']}"
            plan = CallPlan(
                url=f"wss://localhost:{ports['https']}/media/{settings['MEDIA_TOKEN']}",
                script=scenario.caller,
                flow=Connect(connect, connect, scenario.transfer.people),
            )
            result = await FakeExotel(ssl=tls).call(plan)
            assert (result.handshakes, result.violations, result.error) == (1, (), "")
            assert result.flow.transfer == "answered"
            assert (folder / "records/logs" / f"{result.call_sid}.json").exists()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as stranger:
                for inside in ("/relay/events", "/metrics", "/bg-sound", "/health", "/"):
                    async with stranger.get(base + inside) as answer:
                        assert answer.status == 404, inside
