"""What happens to the relay's process, not to its connections: killed, stopped, out of file descriptors, overrun."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import time

import aiohttp
import pytest

from functions.common.store.folder import FolderStore
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings as WebhookSettings
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from relay.line.lead import CEILING_S
from relay.settings import Settings
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.run import API_KEY, EVENTS_SECRET, EXOTEL_TOKEN, WEBHOOK_SECRET
from sim.serving import serving
from tests.chaos.world import TALKS
from tests.support.compiled_relay import compiled_relay
from tests.support.processes import BARE, free_port, server

FRAME_S = Settings().frame_ms / 1000
pytestmark = pytest.mark.timeout(120)


def talks_for(seconds: float) -> tuple[Step, ...]:
    return (Step(when=When.AT, ms=round(seconds * 1000), hang_up=True),)


@contextlib.asynccontextmanager
async def stack(folder, **settings):
    """Functions and relay as processes of their own, the fakes here. Yields relay, functions environment and fakes."""
    ports = free_port(), free_port()
    functions_environment = {
        **BARE,
        "PORT": str(ports[0]),
        "STORE": f"file:{folder}",
        "EVENTS_SECRET": EVENTS_SECRET,
        "ELEVENLABS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "EXOTEL_TOKEN": EXOTEL_TOKEN,
        "SWEEP_EVERY_SECONDS": "0",
    }
    functions_url = f"http://127.0.0.1:{ports[0]}"
    webhook = Webhook(f"{functions_url}/webhook/post-call", WEBHOOK_SECRET, delay_s=0.5)
    agents = FakeElevenLabs({"agent_0": TALKS}, api_key=API_KEY, webhook=webhook)
    async with serving(agents.app()) as agents_url:
        environment = {
            **BARE,
            "HOST": "127.0.0.1",
            "PORT": str(ports[1]),
            "ELEVENLABS_AGENT_ID": "agent_0",
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agents_url,
            "BACKGROUND_SOUND_FILE": "office",
            "EVENTS_URL": f"{functions_url}/relay/events",
            "EVENTS_SECRET": EVENTS_SECRET,
            **settings,
        }
        with (
            server([sys.executable, "-m", "functions.local"], ports[0], functions_environment),
            server([sys.executable, "-m", "relay"], ports[1], {**environment, **compiled_relay()}) as relay,
        ):
            yield relay, functions_environment, agents


def call(relay, call_sid, seconds=2.0):
    plan = CallPlan(url=relay.url.replace("http", "ws", 1) + "/media", call_sid=call_sid, script=talks_for(seconds))
    return asyncio.create_task(FakeExotel().call(plan))


async def until(condition, patience_s=30.0):
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110 - what other processes do, seen in files
            await asyncio.sleep(0.05)


def record(folder, call_sid):
    path = folder / "logs" / f"{call_sid}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def told(folder, call_sid):
    """The words so far, as the relay has told them."""
    bodies = [path.read_text() for path in folder.glob(f"pending/live/{call_sid}/*.json")]
    return [turn["text"] for body in bodies for turn in json.loads(body)["turns"]]


async def health(relay):
    async with aiohttp.ClientSession() as http, http.get(relay.url + "/health") as response:
        return await response.json()


async def test_a_killed_relay_loses_no_record(tmp_path):
    """SIGKILL in the middle of five calls: the callers' lines close at once, so that Exotel moves on; the vendor's
    webhooks still come; the sweep finds calls whose relay died and closes their records with what is known.

    Where the vendor has no webhooks, that is what the relay had told while the calls went on."""
    async with stack(tmp_path / "store", PROGRESS_SECONDS="2") as (relay, environment, agents):
        folder = tmp_path / "store"
        calls = [call(relay, f"call-{n}", 60) for n in range(5)]
        await until(lambda: all(told(folder, f"call-{n}") for n in range(5)))
        words = {f"call-{n}": told(folder, f"call-{n}") for n in range(5)}
        relay.process.kill()
        shutil.copytree(folder, tmp_path / "no webhooks", ignore=shutil.ignore_patterns("inbox", "conversations"))
        killed_at = time.monotonic()
        results = await asyncio.gather(*calls)
        assert time.monotonic() - killed_at < 5
        assert {result.ended_by for result in results} == {"bot"}
        await agents.settled()
        for store in (folder, tmp_path / "no webhooks"):
            app = WebhookApp(WebhookSettings.from_env(environment), FolderStore(store), lambda: time.time() + 900)
            await asyncio.to_thread(app.sweep)
        for n in range(5):
            bare = record(tmp_path / "no webhooks", f"call-{n}")
            assert (bare["end_reason"], bare["sources"]) == ("relay_lost", ["relay", "repair"])
            assert [turn["text"] for turn in bare["turns"]][: len(words[f"call-{n}"])] == words[f"call-{n}"]
            found = record(folder, f"call-{n}")
            assert found["end_reason"] == "relay_lost"
            assert found["ended_at"]
            assert found["sources"] == ["relay", "repair", "webhook"]
            assert found["turns"]


async def test_a_relay_that_stands_still_goes_on(tmp_path):
    """CPU starved: two seconds in which the process does not run at all. The calls are still there afterwards, nothing
    is sent in a burst, and the record says that there was a hole."""
    async with stack(tmp_path) as (relay, _, _):
        calls = [call(relay, f"call-{n}", 6) for n in range(3)]
        await until(lambda: all(record(tmp_path, f"call-{n}") for n in range(3)))
        relay.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2)
        relay.process.send_signal(signal.SIGCONT)
        results = await asyncio.gather(*calls)
        for n, result in enumerate(results):
            await until(lambda n=n: record(tmp_path, f"call-{n}").get("ended_at"))
            found = record(tmp_path, f"call-{n}")
            assert found["end_reason"] == "caller_hung_up"
            assert found["quality"]["gaps"] >= 1
            assert found["quality"]["gap_ms"] >= 1000
            assert not result.violations


async def test_a_relay_that_is_starved_keeps_time(tmp_path):
    """Others take its core for 300 ms, ten times over: every hole is counted, nothing is sent in a burst to make up for
    one, and what was sent and what was missing are together as long as the call, and what the line still held.

    The first hole is as long as the stall; then the lead is at its most, and leaves little of the others.
    """
    async with stack(tmp_path) as (relay, _, _):
        calls = [call(relay, f"call-{n}", 7.5) for n in range(3)]
        await until(lambda: all(record(tmp_path, f"call-{n}") for n in range(3)))
        for _ in range(10):
            relay.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.3)
            relay.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.2)
        results = await asyncio.gather(*calls)
        for n, result in enumerate(results):
            await until(lambda n=n: record(tmp_path, f"call-{n}").get("ended_at"))
            found = record(tmp_path, f"call-{n}")
            assert found["end_reason"] == "caller_hung_up"
            assert found["quality"]["gaps"] >= 1
            sent_s, missing_s = found["quality"]["frames_out"] * FRAME_S, found["quality"]["gap_ms"] / 1000
            too_long_s = sent_s + missing_s - found["duration_s"]
            assert -4 * FRAME_S < too_long_s < CEILING_S + 2 * FRAME_S
            assert result.ahead_max_s < CEILING_S + 2 * FRAME_S
            assert not result.violations


@pytest.mark.chaos
async def test_out_of_file_descriptors_the_running_call_goes_on(tmp_path):
    """No descriptor is left: new connections wait or are refused, the call that is there does not notice; and when the
    idle ones have been let go, the next call is taken."""
    async with stack(tmp_path) as (relay, _, _):
        limit = len(os.listdir(f"/proc/{relay.process.pid}/fd")) + 12
        running = call(relay, "running", 22)
        await until(lambda: record(tmp_path, "running"))
        resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        idle = [await asyncio.open_connection("127.0.0.1", relay.port) for _ in range(60)]
        await until(lambda: len(os.listdir(f"/proc/{relay.process.pid}/fd")) >= limit - 1)
        for _, writer in idle[30:]:
            writer.close()
        # the others are let go by the relay itself, after ten seconds
        await asyncio.gather(*(reader.read() for reader, _ in idle[:30]), return_exceptions=True)
        await until(lambda: len(os.listdir(f"/proc/{relay.process.pid}/fd")) < limit - 4)
        after = await call(relay, "after", 2)
        result = await running
        assert (after.ended_by, result.ended_by) == ("caller", "caller")
        assert not result.violations
        await until(lambda: record(tmp_path, "running").get("ended_at"))
        assert record(tmp_path, "running")["end_reason"] == "caller_hung_up"


async def test_sigterm_with_calls_hands_over_what_does_not_end(tmp_path):
    """DRAIN_SECONDS are over: every caller is handed over, every event delivered, exit status 0."""
    async with stack(tmp_path, DRAIN_SECONDS="2") as (relay, _, _):
        calls = [call(relay, f"call-{n}", 60) for n in range(5)]
        await until(lambda: all(record(tmp_path, f"call-{n}") for n in range(5)))
        relay.process.send_signal(signal.SIGTERM)
        results = await asyncio.gather(*calls)
        assert {result.close_code for result in results} == {1000}
        assert await asyncio.to_thread(relay.process.wait, 20) == 0
        assert {record(tmp_path, f"call-{n}")["end_reason"] for n in range(5)} == {"shutdown"}
