"""`make run` as a user types it, with fakes where the accounts would be."""

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path

import aiohttp

from console.run.local import MADE_HERE, kept_secrets
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.processes import free_port
from sim.serving import serving
from tests.support.relay_world import API_KEY, GREETING

TOKEN = "a-token-of-nobody"


def test_tokens_are_made_once_and_kept_private(tmp_path):
    """The URLs pasted into Exotel must survive a restart."""
    path = tmp_path / "data" / "secrets.json"
    first = kept_secrets(path)
    assert kept_secrets(path) == first
    assert first.keys() == set(MADE_HERE)
    assert len(set(first.values())) == len(MADE_HERE)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_two_variables_are_enough_for_a_call(tmp_path):
    """Relay and functions come up together, a call leaves its record in the store, Ctrl-C ends both."""
    fake = FakeElevenLabs({"agent_0": GREETING}, api_key=API_KEY)
    port, functions_port = free_port(), free_port()
    async with serving(fake.app()) as agents_url:
        environ = {
            **os.environ,
            "ELEVENLABS_AGENT_ID": "agent_0",
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agents_url,
            "PORT": str(port),
            "FUNCTIONS_PORT": str(functions_port),
            "STORE": f"file:{tmp_path}",
            "MEDIA_TOKEN": TOKEN,
            "EVENTS_SECRET": "s" * 24,
            "EXOTEL_TOKEN": "e" * 24,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console", "run", env=environ, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert f"/media/{TOKEN}" in (await _until_ready(process, port, functions_port))
            script = (Step(when=When.AGENT_FINISHED, ms=300, hang_up=True),)
            result = await FakeExotel().call(CallPlan(url=f"ws://127.0.0.1:{port}/media/{TOKEN}", script=script))
            assert result.ended_by == "caller"
            assert Path(tmp_path / "logs" / f"{result.call_sid}.json").exists()
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(20):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _until_ready(process, port, functions_port):
    printed = b""
    while b"post-call webhook" not in printed:
        printed += await asyncio.wait_for(process.stdout.readline(), 20)
    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        for url in (f"http://127.0.0.1:{port}/ready", f"http://127.0.0.1:{functions_port}/"):
            while True:
                try:
                    async with http.get(url):
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
    return printed.decode()


def settings_of(folder, agents_url, key):
    """A file of settings, as a user would keep it."""
    file = folder / ".env"
    file.write_text(
        f"ELEVENLABS_AGENT_ID=agent_0\nELEVENLABS_API_KEY={key}\nELEVENLABS_BASE_URL={agents_url}\n"
        f"PORT={free_port()}\nFUNCTIONS_PORT={free_port()}\nSTORE=file:{folder}\n"
        f"MEDIA_TOKEN={TOKEN}\nEVENTS_SECRET={'s' * 24}\nEXOTEL_TOKEN={'e' * 24}\n"
    )
    return file


async def test_a_refused_key_of_the_file_stops_the_start_with_one_line(tmp_path):
    """It was found by the first caller, who heard nothing."""
    fake = FakeElevenLabs({"agent_0": GREETING}, api_key=API_KEY)
    async with serving(fake.app()) as agents_url:
        file = settings_of(tmp_path, agents_url, "sk_of_somebody_else")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", "run", "--env-file", str(file)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            printed, complaints = await process.communicate()
    assert process.returncode == 2
    (line,) = complaints.decode().splitlines()
    assert "does not know this API key" in line
    assert printed == b""


async def test_at_a_terminal_the_lines_are_sentences(tmp_path):
    """JSON is for programs: at a terminal `make run` prints sentences about what happens and what is missing."""
    fake = FakeElevenLabs({"agent_0": GREETING}, api_key=API_KEY)
    ours, theirs = pty.openpty()
    async with serving(fake.app()) as agents_url:
        file = settings_of(tmp_path, agents_url, API_KEY)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", "run", "--env-file", str(file)), stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        try:
            printed = await asyncio.wait_for(asyncio.to_thread(_read_until, ours, b"  relay  "), 30)
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(20):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(ours)
    assert "No caller can be connected to a person: set TRANSFER_TARGETS" in printed
    assert "ELEVENLABS_WEBHOOK_SECRET" in printed
    assert '{"time"' not in printed


def _read_until(terminal, mark):
    printed = b""
    while mark not in printed:
        printed += os.read(terminal, 4096)
    return printed.decode()
