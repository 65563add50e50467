"""The functions' image, built from its Dockerfile and run as compose.yaml runs it: read-only, with a volume."""

import asyncio
import json
import time

import aiohttp
import pytest

from common.signature import sign
from tests.support.container import engine
from tests.support.processes import free_port

# compose.yaml, service "functions"
AS_COMPOSE = ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--volume", "/data")
SECRETS = {
    "EVENTS_SECRET": "events-secret-of-the-image-test",
    "EXOTEL_TOKEN": "exotel-token-of-the-image-test",
    "ELEVENLABS_WEBHOOK_SECRET": "webhook-secret-of-the-image-test",
}
ALIVE_S = 30
STOP_S = 40

pytestmark = pytest.mark.chaos  # building it takes a minute


@pytest.fixture(scope="module")
def image() -> str:
    return engine().build("functions:test", "functions/Dockerfile")


def test_a_wrong_setting_stops_the_container_with_one_line(image: str):
    with pytest.raises(AssertionError, match=r"ended with 2:\n.*EXOTEL_TOKEN is not set"):
        engine().output(image, "python", "-m", "functions.local", options=(*AS_COMPOSE, "--env", "STORE=file:/data"))


async def test_a_webhook_and_an_event_are_stored_on_the_volume(image: str):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {"HOST": "127.0.0.1", "PORT": str(port), "STORE": "file:/data", **SECRETS}
    async with (
        engine().running(image, f"functions-test-{port}", environ, *AS_COMPOSE) as container,
        aiohttp.ClientSession() as http,
    ):

        async def post(
            path: str, header: str, secret: str, document: dict[str, object]
        ) -> tuple[int, dict[str, object]]:
            body = json.dumps(document).encode()
            async with http.post(url + path, data=body, headers={header: sign(body, secret)}) as answer:
                return answer.status, await answer.json()

        async with asyncio.timeout(ALIVE_S):
            while not await _answers(http, url):
                assert container.process.returncode is None, "the container ended"
                await asyncio.sleep(0.1)

        webhook = {"type": "sample", "event_timestamp": int(time.time()), "data": {}}
        status, _ = await post("/webhook/post-call", "ElevenLabs-Signature", "a-wrong-secret", webhook)
        assert status == 401
        status, _ = await post(
            "/webhook/post-call", "ElevenLabs-Signature", SECRETS["ELEVENLABS_WEBHOOK_SECRET"], webhook
        )
        assert status == 200
        event = {
            "event_id": "e1",
            "type": "call.started",
            "at": "2026-11-23T10:00:00.000Z",
            "call_sid": "c1",
            "stream_sid": "s1",
        }
        status, answer = await post("/relay/events", "Relay-Signature", SECRETS["EVENTS_SECRET"], event)
        assert (status, answer["status"]) == (200, "ok")
        async with http.get(f"{url}/exotel/connect?token=guessed") as refused:
            assert refused.status == 401

        stored = "import pathlib, sys; sys.exit(len([*pathlib.Path('/data').glob('*/**/*.json')]) < 3)"
        assert await container.execute("python", "-c", stored) == 0
        stopping = await container.stop(STOP_S)
        async with asyncio.timeout(STOP_S):
            assert await stopping.wait() == 0
            assert await container.process.wait() == 0, "it ends by itself on SIGTERM, with status 0"


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url + "/") as answer:
            return answer.status == 404
    except aiohttp.ClientConnectionError:
        return False
