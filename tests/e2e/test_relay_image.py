"""The relay's image, built from its Dockerfile and run as Fargate runs it: its sizes, read-only, no capabilities."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.serving import serving
from tests.support.container import RELAY_TAG, Container, Engine, engine
from tests.support.processes import ROOT, free_port
from tests.support.relay_world import API_KEY, EVENTS_SECRET, EventSink

# infra/terraform/aws: relay_cpu 512, relay_memory 1024, and the container definition's limits
FARGATE = (
    "--cpus",
    "0.5",
    "--memory",
    "1024m",
    "--read-only",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
)
TOKEN = "token-of-the-image-tests"
ALIVE_S = 20
STOP_S = 60

pytestmark = pytest.mark.timeout(900)  # the first waits until the image is built, if that is not done


@pytest.fixture(scope="module")
def image() -> str:
    return engine().build(RELAY_TAG)


def test_the_image_holds_the_relay_and_nothing_to_build_with(image: str):
    inside = """
import json, os, pathlib, ssl
root = pathlib.Path("/")
files = sorted(str(path) for path in pathlib.Path(".").rglob("*.py"))
seen = [path for path in root.rglob("*") if not path.is_relative_to("/proc") and not path.is_relative_to("/sys")]
programs = {path.name for path in seen if path.is_file() and os.access(path, os.X_OK) and ".so" not in path.name}
bill = (root / "usr/share/sbom/relay.cdx.json").read_text()
certificates = ssl.create_default_context().get_ca_certs() or os.listdir(ssl.get_default_verify_paths().capath)
found = {"uid": os.getuid(), "files": files, "programs": sorted(programs), "certificates": len(certificates)}
from examples.bots.echo import EchoBot
found["bot"] = EchoBot.__name__
import relay.arenas, relay.process
found["compiled"] = relay.compiled.state()
print(json.dumps({**found, "bill": json.loads(bill)}))
"""
    found = json.loads(engine().output(image, "python", "-c", inside, options=FARGATE))
    assert found["uid"] == 10001
    assert [name for name in found["programs"] if not re.fullmatch(r"python[\d.]*|\w+\.py", name)] == []
    assert found["certificates"] > 50
    _check_bill(found["bill"])
    assert "relay/__main__.py" in found["files"]
    assert found["compiled"] == "yes"
    assert found["bot"] == "EchoBot", "what the documentation names by its module can be loaded"
    assert all(name.startswith(("relay/", "common/", "examples/")) for name in found["files"])


def _check_bill(bill: dict) -> None:
    """What requirements/relay.txt pins is in it, each with its version; so are Python and what comes from Debian."""
    assert bill["bomFormat"] == "CycloneDX"
    listed = {component["name"]: component for component in bill["components"]}
    lines = (ROOT / "requirements" / "relay.txt").read_text().splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in lines if "==" in line and ";" not in line)
    assert pinned == {name: listed[name]["version"] for name in pinned}
    assert {"python", "libc6", "ca-certificates"} <= set(listed)
    assert all(component["purl"].startswith("pkg:") for component in bill["components"])


def test_a_wrong_setting_stops_the_container_with_one_line(image: str):
    with pytest.raises(AssertionError, match=r"ended with 2:\nrelay: MAX_CALLS='many': expected a whole number"):
        engine().output(image, "python", "-m", "relay", options=(*FARGATE, "--env", "MAX_CALLS=many"))


@dataclass
class Deployed:
    """A relay in a container, with its fakes around it."""

    container: Container
    url: str
    sink: EventSink
    http: aiohttp.ClientSession

    async def call(self, *script: Step) -> CallResult:
        return await FakeExotel().call(
            CallPlan(url=f"{self.url.replace('http', 'ws', 1)}/media/{TOKEN}", script=script, max_s=40)
        )

    async def status(self, path: str) -> int:
        async with self.http.get(self.url + path) as answer:
            return answer.status

    async def listens(self) -> bool:
        assert self.container.process.returncode is None, "the container ended"
        try:
            return await self.status("/ready") == 200
        except aiohttp.ClientConnectionError:
            return False

    async def has_a_call(self) -> bool:
        async with self.http.get(f"{self.url}/health") as answer:
            return bool((await answer.json())["calls"])

    async def is_draining(self) -> bool:
        return await self.status("/ready") == 503


@asynccontextmanager
async def deployed(engine: Engine, image: str, *replies: Reply) -> AsyncIterator[Deployed]:
    agents = FakeElevenLabs({"agent_front": AgentScript(replies=replies)}, api_key=API_KEY)
    sink, port = EventSink(), free_port()
    async with serving(agents.app()) as agents_url, serving(sink.app()) as sink_url, aiohttp.ClientSession() as http:
        environ = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "ELEVENLABS_AGENT_ID": "agent_front",
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agents_url,
            "BACKGROUND_SOUND_FILE": "office",
            "MEDIA_TOKEN": TOKEN,
            "EVENTS_URL": f"{sink_url}/relay/events",
            "EVENTS_SECRET": EVENTS_SECRET,
        }
        async with engine.running(image, f"relay-test-{port}", environ, *FARGATE) as container:
            relay = Deployed(container, f"http://127.0.0.1:{port}", sink, http)
            await until(relay.listens, ALIVE_S)
            yield relay


async def until(condition: Callable[[], Awaitable[bool]], patience_s: float) -> None:
    async with asyncio.timeout(patience_s):
        while not await condition():  # noqa: ASYNC110  # what goes on in a container sets no event here
            await asyncio.sleep(0.05)


async def test_a_call_then_sigterm_during_another(image: str):
    """What Fargate does on a deploy: the call in progress goes on to its end, no new one gets in, then it is gone."""
    greeting = Reply(on="start", say=("agent_greeting",))
    async with deployed(engine(), image, greeting) as relay:
        first = await relay.call(Step(when=When.AGENT_FINISHED, ms=300, hang_up=True))
        assert (first.error, first.ended_by, first.violations) == ("", "caller", ())
        assert first.first_sound_s is not None

        assert await relay.container.execute(*engine().health_command(image)) == 0

        second = asyncio.create_task(relay.call(Step(when=When.AT, ms=6000, hang_up=True)))
        await until(relay.has_a_call, 10)
        stopping = await relay.container.stop(STOP_S)
        await until(relay.is_draining, 5)
        assert await relay.status("/health") == 200
        refused = await relay.call()
        assert "status 503" in refused.error

        survived = await second
        assert (survived.error, survived.ended_by, survived.violations) == ("", "caller", ())
        async with asyncio.timeout(STOP_S / 2):
            assert await stopping.wait() == 0
            assert await relay.container.process.wait() == 0, "a relay that has drained leaves by itself, with status 0"
        ended = {event["call_sid"]: event["end_reason"] for event in relay.sink.of("ended")}
        assert ended == {first.call_sid: "caller_hung_up", survived.call_sid: "caller_hung_up"}
