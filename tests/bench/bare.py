"""The floor: the least that aiohttp on uvloop can do for a call. `python -m tests.bench.bare PORT AGENT_URL FRAME_MS`.

It moves the same messages as the relay and paces the same frames, and that is all: no ambience, no resampling, no
interruption, no marks, no limits, no checks. What the relay costs above it is the price of the product's features. Its
memory comes from where the relay's does.
"""

import asyncio
import binascii
import sys
from time import monotonic

import aiohttp
import msgspec
import uvloop
from aiohttp import WSMsgType, web

from relay.allocator import limit_heap, use_huge_pages

_BYTES_PER_MS = 16

_decode = msgspec.json.Decoder().decode


class Bare:
    """One call after another, all at once."""

    def __init__(self, http: aiohttp.ClientSession, agent_url: str, frame_ms: int = 40) -> None:
        self._http = http
        self._agent_url = agent_url
        self._frame_ms = frame_ms

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        """Carry a call until its line says stop."""
        line = web.WebSocketResponse(compress=False, decode_text=False)
        await line.prepare(request)
        agent, work = None, []
        async for message in line:
            event = _decode(message.data)
            if event["event"] == "media" and agent is not None:
                pcm = binascii.a2b_base64(event["media"]["payload"])
                chunk = b'{"user_audio_chunk":"%b"}' % binascii.b2a_base64(pcm, newline=False)
                await agent.send_frame(chunk, WSMsgType.TEXT)
            elif event["event"] == "start":
                agent = await self._http.ws_connect(self._agent_url, compress=0, decode_text=False)
                variables = {"call_sid": event["start"]["call_sid"]}
                hello = {"type": "conversation_initiation_client_data", "dynamic_variables": variables}
                await agent.send_frame(msgspec.json.encode(hello), WSMsgType.TEXT)
                speech = bytearray()
                work = [
                    asyncio.create_task(_listen(agent, speech)),
                    asyncio.create_task(_pace(line, speech, self._frame_ms)),
                ]
            elif event["event"] == "stop":
                break
        for task in work:
            task.cancel()
        if agent is not None:
            await agent.close()
        await line.close()
        return line

    async def ready(self, _: web.Request) -> web.Response:
        """Takes calls."""
        return web.Response(text="ready")


async def _listen(agent: aiohttp.ClientWebSocketResponse, speech: bytearray) -> None:
    async for message in agent:
        event = _decode(message.data)
        if event["type"] == "audio":
            speech += binascii.a2b_base64(event["audio_event"]["audio_base_64"])


async def _pace(line: web.WebSocketResponse, speech: bytearray, frame_ms: int) -> None:
    due, frame_bytes = monotonic(), frame_ms * _BYTES_PER_MS
    while True:
        pcm = bytes(speech[:frame_bytes]).ljust(frame_bytes, b"\0")
        del speech[:frame_bytes]
        payload = binascii.b2a_base64(pcm, newline=False)
        await line.send_frame(b'{"event":"media","stream_sid":"s","media":{"payload":"%b"}}' % payload, WSMsgType.TEXT)
        due += frame_ms / 1000
        await asyncio.sleep(due - monotonic())


async def main(port: int, agent_url: str, frame_ms: int) -> None:
    """Serve until killed."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        bare = Bare(http, agent_url, frame_ms)
        app = web.Application()
        app.router.add_get("/media", bare.media)
        app.router.add_get("/ready", bare.ready)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    use_huge_pages()
    limit_heap()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
