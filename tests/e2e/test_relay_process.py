"""The relay as it is deployed: a process, its environment, its signals."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.serving import serving
from tests.support.compiled_relay import compiled_relay
from tests.support.relay_world import API_KEY, GREETING


@asynccontextmanager
async def relay_process(environ):
    """Start `python -m relay` and yield it with its URL once it listens; what it logged is in `lines`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "relay",
        env={**os.environ, "PORT": "0", "HOST": "127.0.0.1", **compiled_relay(), **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    lines = []
    try:
        async with asyncio.timeout(30):
            while not lines or lines[-1]["event"] != "listening":
                line = await process.stdout.readline()
                assert line, (await process.stderr.read()).decode()
                lines.append(json.loads(line))
        yield process, f"127.0.0.1:{lines[-1]['port']}", lines
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def agents():
    fake = FakeElevenLabs({"agent_0": GREETING}, api_key=API_KEY)
    async with serving(fake.app()) as url:
        yield {"ELEVENLABS_AGENT_ID": "agent_0", "ELEVENLABS_API_KEY": API_KEY, "ELEVENLABS_BASE_URL": url}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_the_running_call_finishes_when_the_relay_is_told_to_stop(tmp_path, number):
    """The deploy sequence as the platform plays it: SIGTERM, no new calls, the running one to its end, exit 0.

    So it is when a terminal is closed (SIGHUP): that ended all calls at once.
    """
    async with agents() as environ, relay_process({**environ, "STORE": f"file:{tmp_path}"}) as (process, host, _):
        script = (Step(when=When.AGENT_FINISHED, ms=300, hang_up=True),)
        call = asyncio.create_task(FakeExotel().call(CallPlan(url=f"ws://{host}/media", script=script)))
        async with aiohttp.ClientSession() as http, asyncio.timeout(30):
            calls = 0
            while not calls:
                async with http.get(f"http://{host}/health") as response:
                    calls = (await response.json())["calls"]
            process.send_signal(number)
            status = 200
            while status == 200:
                async with http.get(f"http://{host}/ready") as response:
                    status = response.status
        result = await call
        assert result.ended_by == "caller"
        assert not result.violations
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        record = json.loads((tmp_path / "logs" / f"{result.call_sid}.json").read_text())
        assert record["end_reason"] == "caller_hung_up"
        assert result.heard.any()


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"CHUNK_SIZE": "1000"}, "relay: CHUNK_SIZE='1000': expected a multiple of 320"),
        ({"PORT": "http"}, "relay: PORT='http': expected a whole number from 0 to 65535"),
        ({"MEDIA_BASIC_AUTH": "nocolon"}, "relay: MEDIA_BASIC_AUTH=(hidden): expected user:password"),
        ({"HOST": ""}, "relay: MEDIA_TOKEN is not set: expected a secret for the media socket's address"),
        (
            {"ELEVENLABS_AGENT_ID": ""},
            "relay: ELEVENLABS_AGENT_ID is not set: expected the id of your ElevenLabs agent",
        ),
        ({"BG_SOUND_FILE": "nowhere.wav"}, "relay: sound file nowhere.wav: "),
        ({"AGENTS_FILE": "nowhere.toml"}, "relay: AGENTS_FILE='nowhere.toml': expected a readable TOML file"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_line(environ, line):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "relay",
        env={**os.environ, "HOST": "127.0.0.1", "ELEVENLABS_AGENT_ID": "agent_0", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode == 2
    [only] = errors.decode().splitlines()
    assert only.startswith(line)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the relay's processes")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_process_that_judges_echoes_ends_with_the_relay(tmp_path, number):
    """However that ends: one that is left over would keep its memory until the machine is restarted."""
    async with agents() as environ, relay_process({**environ, "STORE": f"file:{tmp_path}"}) as (process, _, _):
        [judges] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(number)
        async with asyncio.timeout(10):
            assert await process.wait() in (0, -number)
            while Path(f"/proc/{judges}").exists():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
