"""The generator against the real relay and the bare probe, all in one process."""

import asyncio
import base64

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.app import create_app
from relay.settings import Settings
from tests.bench.bare import Bare
from tests.bench.figures import Samples
from tests.bench.load import Call, Line, Load

CALLS = 2
FRAME_S = 0.1


@pytest.fixture
async def carry(tmp_path):
    """Starts what carries the calls, given the agents' port."""
    async with aiohttp.ClientSession() as http:
        servers = []

        async def start(agent_port, *, bare):
            if bare:
                app = web.Application()
                app.router.add_get("/media", Bare(http, f"ws://localhost:{agent_port}/").media)
            else:
                app = create_app(
                    Settings(
                        elevenlabs_agent_id="bench",
                        elevenlabs_base_url=f"http://localhost:{agent_port}",
                        ambience="office",
                        echo_calls=0,  # frames that are levels are like each other: no voice is
                        store=tmp_path,
                    )
                )
            servers.append(TestServer(app))
            await servers[0].start_server()
            return servers[0].port

        yield start
        await servers[0].close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (samples are plain arrays, which announce nothing)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("audio", "bare"), [("pcm_16000", False), ("ulaw_8000", False), ("pcm_8000", True)])
async def test_every_kind_of_sample_is_taken_and_no_frame_is_lost(carry, audio, bare):
    samples = Samples(recording=True)
    load = Load(audio, samples)
    port = await carry(await load.listen(None), bare=bare)
    await load.place(CALLS, port, "/media", within_s=0.1)
    await until(lambda: len(samples.wire) >= CALLS and (bare or len(samples.clear) >= CALLS))
    assert len(samples.silenced) == len(samples.clear)
    assert all(0 <= silent - clear <= 0.2 for clear, silent in zip(samples.clear, samples.silenced, strict=True))
    await load.hang_up()
    await load.close()

    assert samples.failures == []
    assert samples.lost_frames == 0
    assert len(samples.uplink) >= len(samples.lateness) // 2 > 0
    assert len(samples.heard) == len(samples.wire)
    if not bare:  # the ambience is one frame ahead of what is heard, and what is heard is what was sent before it
        assert all(wire < heard for wire, heard in zip(samples.wire, samples.heard, strict=True))


async def test_a_relay_that_hangs_up_is_a_failure(carry):
    samples = Samples(recording=True)
    load = Load("pcm_8000", samples)
    port = await carry(await load.listen(None), bare=False)
    await load.place(1, port, "/media", within_s=0.1)
    await until(lambda: samples.uplink)
    load.lines[0].send(b'{"event":"stop"}')
    await until(lambda: samples.failures)
    await load.close()

    assert samples.failures == ["bench00000: the relay hung up"]


async def test_a_hole_that_the_load_may_have_made_is_not_sure():
    """A machine with other work showed 18 holes where the relay had been in time all along."""
    samples = Samples(recording=True)
    load = Load("pcm_8000", samples)
    line, frame = Line("/media", Call("call"), load), base64.b64encode(bytes(640)).decode()
    for came_after, read_at in ((4.999, 5.0), (5.03, 5.06), (5.13, 5.16)):  # dry at 5.04 and 5.10
        load.came_after = came_after
        line._media(frame, read_at)
    assert list(samples.holes) == pytest.approx([0.02, 0.06])
    assert list(samples.sure_holes) == pytest.approx([0.03])
