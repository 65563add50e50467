"""`console agents` as it is typed, in front of functions and two relays: a good version, a bad one, a way back."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.processes import INHERITED, ROOT, child, free_port
from tests.support.compiled_relay import compiled_relay

SECRET = "relay-secret-of-nobody"
TOKEN = "exotel-token-of-nobody"
OWN = '[agents.a]\nvendor = "echo"\n'
GOOD = OWN + 'ambience = "office"\n'
BAD = '[agents.a]\nvendor = "openai"\n'


async def console(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status, and what was printed."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "agents", *arguments, "--store", f"file:{folder}/store"),
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(120):
        printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def test_two_relays_take_a_good_version_refuse_a_bad_one_and_go_back(tmp_path):
    store, file = tmp_path / "store", tmp_path / "agents.toml"
    file.write_text(OWN)
    functions_port = free_port()
    functions_url = f"http://127.0.0.1:{functions_port}"
    common = {"EVENTS_SECRET": SECRET, "AGENTS_SECONDS": "5", "LOG_LEVEL": "INFO"}
    async with AsyncExitStack() as running:
        environment = {**common, "STORE": f"file:{store}", "EXOTEL_TOKEN": TOKEN}
        log = tmp_path / "functions.log"
        await running.enter_async_context(child("functions.local", environment, port=functions_port, path="/", log=log))
        environment = {**common, "EVENTS_URL": f"{functions_url}/relay/events", "AGENTS_FILE": str(file)}
        relays = [
            await running.enter_async_context(
                child(
                    "relay",
                    {**environment, **compiled_relay()},
                    port=free_port(),
                    path="/ready",
                    log=tmp_path / f"relay{number}.log",
                )
            )
            for number in range(2)
        ]
        http = await running.enter_async_context(aiohttp.ClientSession())

        async def health(relay: str) -> dict[str, object]:
            async with http.get(f"{relay}/health") as response:
                return await response.json()

        file.write_text(GOOD)
        status, said = await console(tmp_path, "push", "--yes", "--note", "an office")
        assert status == 0, said
        assert '+ambience = "office"' in said
        assert said.count("serves it") == 2
        versions = {(await health(relay))["agents_version"] for relay in relays}
        assert len(versions) == 1
        [good] = versions
        assert f"Version {good} is now the current one." in said
        result = await FakeExotel().call(
            CallPlan(
                url=relays[0].replace("http", "ws") + "/media", script=(Step(when=When.AT, ms=1000, hang_up=True),)
            )
        )
        record = json.loads((store / "logs" / f"{result.call_sid}.json").read_text())
        assert record["agents_version"] == good

        file.write_text(BAD)
        status, said = await console(tmp_path, "push", "--yes")
        assert status == 1, said
        assert "Relays need these variables: OPENAI_API_KEY." in said
        assert said.count(f"refuses it and keeps serving {good}: OPENAI_API_KEY is not set") == 2
        for relay in relays:
            assert (await health(relay))["agents_version"] == good
        for number in range(2):
            lines = (tmp_path / f"relay{number}.log").read_text().splitlines()
            refused = [line for line in map(json.loads, lines) if line["event"] == "agents_refused"]
            assert [line["severity"] for line in refused] == ["ERROR"]

        status, said = await console(tmp_path, "rollback", "--yes", "--note", "no key")
        assert status == 0, said
        assert said.count("serves it") == 2
        status, said = await console(tmp_path, "history")
        assert [line.split("  ")[-1] for line in said.splitlines()[:3]][0] == "no key"
        assert said.count(f"serves {good}") == 2
        status, said = await console(tmp_path, "pull", "--yes")
        assert (status, file.read_text()) == (0, GOOD)
