"""`python -m relay`: read the settings, serve until SIGTERM, drain, leave."""

import asyncio
import os
import signal
import sys

from aiohttp import web

from common.env import SettingError
from relay.app import RELAY, create_app
from relay.audio.files import SoundFileError
from relay.logs import configure, log
from relay.loop import RelayLoop
from relay.server import runner
from relay.settings import Settings


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain (see Relay.drain for the sequence)."""
    app = create_app(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = runner(app)
    await serving.setup()
    site = web.TCPSite(serving, settings.host, settings.port, backlog=1024)
    await site.start()
    port = serving.addresses[0][1]
    log.info("listening on port %d", port, extra={"event": "listening", "port": port})
    await stop.wait()
    await app[RELAY].drain()
    await serving.cleanup()


def main() -> int:
    """Exit status 2 for settings that can't be used."""
    try:
        settings = Settings.from_env(os.environ)
        configure(settings.log_level)
        with asyncio.Runner(loop_factory=RelayLoop) as runner:
            runner.run(serve(settings))
    except (SettingError, SoundFileError) as error:
        sys.stderr.write(f"relay: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"relay: can't listen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
