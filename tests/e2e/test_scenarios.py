"""Every scenario, from the phone network to the record, with real sockets between all parts."""

import asyncio
import json
import sys

import pytest

from sim import virtual_time
from sim.in_process import in_process
from sim.processes import ROOT
from sim.run import play
from sim.scenario import SCENARIOS, load, names

WAITS_IN_A_THREAD = {"transfer_webhook"}  # played in real time below


@pytest.mark.parametrize("name", [name for name in names() if name not in WAITS_IN_A_THREAD])
def test_scenario_in_virtual_time(name, tmp_path):
    async def whole_call():
        scenario = load(name)
        async with in_process(scenario, tmp_path) as world:
            return await play(scenario, world)

    outcome = virtual_time.run(whole_call())

    assert outcome.failures == ()
    assert outcome.lines, "no line of the agent was found in what the caller heard"


async def test_demo_plays_the_late_webhook_with_real_processes(tmp_path):
    """`make demo SCENARIO=transfer_webhook`: the connect request is open while the webhook is still on its way."""
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", "demo", "transfer_webhook", "--out", str(tmp_path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(120):
        printed = (await demo.communicate())[0].decode()

    assert demo.returncode == 0, printed
    folder = tmp_path / "transfer_webhook"
    (record,) = (folder / "data" / "logs").iterdir()
    assert json.loads(record.read_text())["sources"] == ["relay", "webhook"]
    assert (folder / "call.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "call.wav").stat().st_size > 200_000
    for path in (record, folder / "call.wav", folder / "call.png"):
        assert str(path) in printed
    assert "+9198" not in printed, "a phone number was printed whole"


@pytest.mark.parametrize(
    ("relay", "status", "said"),
    [
        ('CHUNK_SIZE = "100"', 2, "relay ended with status 2"),
        ('MEDIA_TOKEN = "a-token-of-nobody"', 1, "3009 failed to establish ws conn: status 401"),
    ],
    ids=["the relay does not start", "the relay does not let the call in"],
)
async def test_a_demo_that_can_not_be_played_says_why(relay, status, said, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((SCENARIOS / "greeting_goodbye.toml").read_text() + f"\n[relay]\n{relay}\n")
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", "demo", str(path), "--out", str(tmp_path / "out"),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        printed = (await demo.communicate())[0].decode()
    assert said in printed
    assert demo.returncode == status, printed
