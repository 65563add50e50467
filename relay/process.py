"""The relay's process: read the settings, serve until a signal arrives, drain, exit. `python -m relay` begins it."""

import asyncio
import os
import signal
import sys

from aiohttp import web

from common.env import SettingError
from common.listening import unusable
from relay import compiled
from relay.app import RELAY, create_app
from relay.audio.files import SoundFileError
from relay.garbage import Garbage
from relay.logs import configure, log
from relay.loop import RelayLoop
from relay.server import runner
from relay.settings import Settings


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then drain (see Relay.drain for the sequence)."""
    app = create_app(settings, own_process=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    serving = runner(app)
    await serving.setup()
    try:
        await web.TCPSite(serving, settings.host, settings.port, backlog=1024).start()
    except OSError as error:
        raise unusable(error, settings.host, settings.port) from error
    port = serving.addresses[0][1]
    if other := compiled.unused():
        extra = {"event": "not_compiled", "modules": len(other), "python": sys.implementation.cache_tag}
        log.warning("%d modules are compiled for another Python: they run from source", len(other), extra=extra)
    log.info("listening on port %d", port, extra={"event": "listening", "port": port, "compiled": compiled.state()})
    relay = app[RELAY]
    garbage = Garbage(lambda: relay.streams, lambda: relay.closed)
    garbage.begin()
    looking = asyncio.create_task(garbage.run())
    ends = [asyncio.create_task(event.wait()) for event in (stop, relay.leave)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for waiting in ends:
        waiting.cancel()
    await relay.drain()
    looking.cancel()
    await serving.cleanup()


def main() -> int:
    """Exit status 2 for invalid settings."""
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_level)
        with asyncio.Runner(loop_factory=RelayLoop) as runner:
            runner.run(serve(settings))
    except (SettingError, SoundFileError) as error:
        sys.stderr.write(f"relay: {error}\n")
        return 2
    return 0
