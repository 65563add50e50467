"""`python -m tests.bench.wire`: what a minute of a call is on the wire, in WebSocket messages and their bytes.

A whole call in virtual time, with ambience and an agent that greets; both ends of both sockets are in this process, and
each counts what it receives. The figures are the same on every machine.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from relay.arrivals import Arrivals
from relay.media import MEDIA_PATHS
from relay.short_way import ShortWay
from sim import virtual_time
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from tests.support.relay_world import relay_world

_MINUTE_MS: Final = 60_000


async def minute(audio: str) -> dict[str, tuple[int, int]]:
    """Bytes and messages by direction. `audio`: what the agent hears and speaks."""
    agent = AgentScript(
        replies=(Reply(on="start", say=("agent_greeting",)),), input_format=audio, output_format=audio, reply_after_ms=0
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _counted() as (size, messages):
        async with relay_world(Path(folder), agent, settings={"ambience": "office"}) as world:
            await world.call(script=(Step(when=When.AT, ms=_MINUTE_MS, hang_up=True),))
    return {direction: (size[direction], messages[direction]) for direction in sorted(messages)}


@contextmanager
def _counted() -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Count what every socket receives; those of the relay as it arrives, because little of that is received."""
    size, messages = Counter[str](), Counter[str]()
    arrive = Arrivals.feed_data

    def count(message: Any, direction: str, *, masked: bool) -> None:
        kind, content, _ = message
        if kind in {WSMsgType.TEXT, WSMsgType.BINARY}:
            data = content.encode() if isinstance(content, str) else content
            size[direction] += len(data) + _head(len(data)) + 4 * masked
            messages[direction] += 1

    def counting(receive: Any, *, masked: bool) -> Any:
        async def counted(socket: Any, *args: Any) -> Any:
            message = await receive(socket, *args)
            if not isinstance(socket._reader, Arrivals):
                count(message, _direction(socket, masked=masked), masked=masked)
            return message

        return counted

    def arriving(queue: Arrivals, message: Any, length: int) -> None:
        is_line = isinstance(queue._protocol, RequestHandler)
        count(message, "from_line" if is_line else "from_agent", masked=is_line)
        arrive(queue, message, length)

    server, client = web.WebSocketResponse, aiohttp.ClientWebSocketResponse  # only what a client sends is masked
    with (
        patch.object(server, "receive", counting(server.receive, masked=True)),
        patch.object(client, "receive", counting(client.receive, masked=False)),
        patch.object(Arrivals, "feed_data", arriving),
        patch.object(ShortWay, "data_received", lambda way, data: way._protocol.data_received(data)),
    ):
        yield size, messages


def _direction(socket: Any, *, masked: bool) -> str:
    """The line's sockets are known by their path."""
    if masked:
        return "from_line" if socket._req.path in MEDIA_PATHS else "to_agent"
    return "to_line" if socket._response.url.path in MEDIA_PATHS else "from_agent"


def _head(size: int) -> int:
    return 2 if size < 126 else 4 if size < 65_536 else 10


def main() -> None:
    """Read the command line, count, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.wire", description=__doc__)
    parser.add_argument("--audio", default="pcm_8000", help="what the agent hears and speaks")
    found = virtual_time.run(minute(parser.parse_args().audio))
    print(
        "".join(f"{direction:10}  {size:9,} bytes  {count:5} messages\n" for direction, (size, count) in found.items())
    )


if __name__ == "__main__":
    main()
