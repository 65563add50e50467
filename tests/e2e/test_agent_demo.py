"""`make demo AGENT=name`: the relay as a process, a vendor's fake beside it, in real time and with no key."""

import asyncio
import json
import sys

from tests.support.busy import real_time


@real_time
async def test_a_demo(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sim.agents", "ultravox", "--out", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert "agent notices the caller and stops" in output.decode()
    folder = tmp_path / "agent_ultravox"
    assert (folder / "call.wav").exists()
    (record,) = (folder / "data" / "logs").glob("*.json")
    assert [agent["vendor"] for agent in json.loads(record.read_text())["agents"]] == ["ultravox"]


async def test_an_unknown_vendor_is_refused_with_the_list_of_vendors(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sim.agents", "acme", "--out", str(tmp_path), stderr=asyncio.subprocess.PIPE
    )
    _, problem = await process.communicate()
    assert process.returncode == 2
    assert "azure_openai" in problem.decode()
    assert not list(tmp_path.iterdir())
