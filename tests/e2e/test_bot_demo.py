"""`make demo BOT=name`: the relay as a process, one of the example bots in it, in real time."""

import asyncio
import sys

from sim.bots import DEMOS
from tests.integration.agents.test_example_bots import bot
from tests.support.busy import real_time


def test_every_example_bot_has_a_demo():
    assert len(DEMOS) == 7
    for demo in DEMOS:
        assert demo.class_name == bot(demo.name).id


@real_time
async def test_a_demo(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sim.bots", "menu", "--out", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert "[entered 4711]" in output.decode()
    assert (tmp_path / "bot_menu" / "call.wav").exists()
