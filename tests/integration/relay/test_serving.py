"""`python -m relay` as a process of its own would run it, from its start to SIGTERM."""

import asyncio
import gc
import os
import signal
import urllib.request

import aiohttp

from relay.process import serve
from relay.settings import Settings
from sim.processes import free_port


async def test_what_was_made_to_start_is_not_collected_over_and_over(tmp_path):
    """A full collection went through 57,000 objects that nobody will ever free, and every call waited for it.

    What ended calls leave is collected by the relay itself, once no socket is open.
    """
    port, threshold, collected = free_port(), gc.get_threshold(), asyncio.Event()
    frozen = gc.get_freeze_count()  # by what runs the tests

    def note(phase, info):
        if phase == "stop" and info["generation"] == 2:
            collected.set()

    environ = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ELEVENLABS_AGENT_ID": "a",
        "STORE": f"file:{tmp_path}",
        "DRAIN_SECONDS": "0",
    }
    serving = asyncio.create_task(serve(Settings.from_env(environ)))
    try:
        async with asyncio.timeout(10):
            while gc.get_freeze_count() <= frozen:
                assert not serving.done(), serving.exception()
                await asyncio.sleep(0)
        answer = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/health")
        assert answer.status == 200
        gc.disable()  # Python begins none by itself
        gc.callbacks.append(note)
        async with aiohttp.ClientSession() as http, http.ws_connect(f"http://127.0.0.1:{port}/media"):
            assert not collected.is_set()
        async with asyncio.timeout(10):
            await collected.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await serving
    finally:
        gc.callbacks[:] = [callback for callback in gc.callbacks if callback is not note]
        gc.enable()
        gc.unfreeze()
        gc.set_threshold(*threshold)
