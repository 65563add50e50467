"""A standard output that nobody reads: a paused terminal, a node's log agent, a log driver in blocking mode."""

import asyncio
import json
import subprocess
import sys

import numpy as np

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.serving import serving
from sim.speech import spoken
from tests.e2e.test_doors import SPEAKS, WORDS, assert_whole
from tests.integration.abuse.wire import TEXT, Wire, frame, start
from tests.support.busy import real_time
from tests.support.compiled_relay import compiled_relay
from tests.support.processes import BARE, free_port, listening, wait_for
from tests.support.relay_world import API_KEY
from tests.support.waits import watched

SHORT_CALLS = 1_000


async def short_call(url, number):
    """A few lines each: no agent of that name is configured."""
    async with await Wire.open(url) as wire:
        assert (await wire.upgrade("/media?agent_id=nobody")).status == 101
        wire.send(frame(TEXT, start(f"short-{number}")))
        assert await wire.close_code() == 1000


@real_time
async def test_a_pipe_that_nobody_reads_stops_no_call(tmp_path):
    """Some 250 lines fill a pipe; the next `print` held the event loop: a running call was silent for good."""
    fake = FakeElevenLabs({"agent_0": SPEAKS}, api_key=API_KEY)
    words = np.concatenate([spoken(name, 8000) for name in WORDS])
    port = free_port()
    async with serving(fake.app()) as agents:
        environ = {
            **BARE,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "STORE": f"file:{tmp_path}",
            "ELEVENLABS_AGENT_ID": "agent_0",
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agents,
        }
        relay = subprocess.Popen(  # noqa: ASYNC220  # its output is to be read by nobody, not even by the loop
            [sys.executable, "-m", "relay"], env={**environ, **compiled_relay()}, stdout=subprocess.PIPE
        )
        try:
            await asyncio.to_thread(wait_for, lambda: listening(port), "the relay to listen")
            url = f"http://127.0.0.1:{port}"
            script = (Step(when=When.AT, ms=round(words.size / 8 + 1500), hang_up=True),)
            plan = CallPlan(url=url.replace("http", "ws") + "/media", script=script)
            async with watched(relay.pid) as waits:
                long_call = asyncio.create_task(FakeExotel().call(plan))
                for first in range(0, SHORT_CALLS, 10):
                    await asyncio.gather(*(short_call(url, number) for number in range(first, first + 10)))
                result = await long_call
            assert_whole(result, words, waits)
            relay.terminate()
            said, _ = await asyncio.to_thread(relay.communicate, timeout=30)
            assert relay.returncode == 0
        finally:
            relay.kill()
            relay.wait(10)
    lines = [json.loads(line) for line in said.decode().split("\n") if line]
    (lost,) = [line for line in lines if line["event"] == "log_lines_dropped"]
    assert lost["dropped"] > 100
    assert len([line for line in lines if line["event"] == "call_started"]) > 250
