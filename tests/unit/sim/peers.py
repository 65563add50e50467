"""Small counterparts for the fakes: a bot that records, and a client of the fake agent."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
from aiohttp import web

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.exotel import CallPlan, FakeExotel
from sim.serving import serving

SILENCE = b"\0" * 320


class Bot:
    """A bot for the fake Exotel. `act(self, ws, start)` runs when `start` has come; `refusals` are answered first."""

    def __init__(self, act=None, *, refusals=()):
        self.act = act
        self.refusals = list(refusals)
        self.requests = []
        self.messages = []
        self.closed_with = None

    async def media(self, request):
        self.requests.append(request)
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        acting = None
        async for message in ws:
            event = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else {"event": "binary"}
            self.messages.append((asyncio.get_running_loop().time(), event))
            if event["event"] == "start" and self.act:
                sid = event.get("stream_sid") or event["streamSid"]
                acting = asyncio.create_task(self.act(self, ws, sid))
        if acting:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)
        self.closed_with = ws.close_code
        return ws

    def of(self, kind):
        return [event for _, event in self.messages if event["event"] == kind]

    @asynccontextmanager
    async def listening(self):
        app = web.Application()
        app.router.add_get("/{path:.*}", self.media)
        async with serving(app) as url:
            yield url.replace("http://", "ws://") + "/media"


def media(sid, data=SILENCE):
    return {"event": "media", "stream_sid": sid, "media": {"payload": base64.b64encode(data).decode()}}


def mark(sid, name):
    return {"event": "mark", "stream_sid": sid, "mark": {"name": name}}


def tone(samples, level=8000):
    """Something that is not silence: int16 samples."""
    return (level * np.sin(np.arange(samples) * 0.3)).astype(np.int16)


async def call(bot, **plan):
    """One call at `bot`; `path` is appended to its URL."""
    path = plan.pop("path", "")
    async with bot.listening() as url:
        return await FakeExotel().call(CallPlan(url=url + path, **plan))


class AgentClient:
    """A client of the fake agent: says `conversation_initiation_client_data`, keeps what comes."""

    def __init__(self, socket, record):
        self.socket = socket
        self.record = record
        self.events = []
        self._came = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for message in self.socket:
            event = json.loads(message.data)
            self.events.append((asyncio.get_running_loop().time(), event))
            if event["type"] == "ping":
                await self.send(type="pong", event_id=event["ping_event"]["event_id"])
            self._came.set()
        self._came.set()

    async def send(self, **message):
        if not self.socket.closed:
            await self.socket.send_json(message)

    async def speak(self, pcm, *, frame=320, rate=16000):
        """Send `pcm` in real time, then fall silent."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for index in range(0, pcm.size, frame):
            data = base64.b64encode(pcm[index : index + frame].tobytes()).decode()
            await self.send(user_audio_chunk=data)
            await asyncio.sleep(begin + (index + frame) / rate - loop.time())

    def of(self, kind):
        return [event for _, event in self.events if event["type"] == kind]

    async def wait_for(self, kind, count=1):
        """The `count`th event of a kind."""
        async with asyncio.timeout(90):
            while len(self.of(kind)) < count:
                self._came.clear()
                await self._came.wait()
                assert len(self.of(kind)) >= count or not self.socket.closed, f"closed before {kind} came"
        return self.of(kind)[count - 1]

    async def closed(self):
        """The close code the agent ended with."""
        async with asyncio.timeout(180):
            await self._reading
        return self.socket.close_code


@asynccontextmanager
async def talking_to(script, *, initiation=None, **options):
    """A client in conversation with an agent that follows `script`."""
    fake = FakeElevenLabs({"agent": script}, **options)
    async with (
        serving(fake.app()) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url.replace("http", "ws") + "/v1/convai/conversation?agent_id=agent") as socket,
    ):
        if initiation is not False:
            await socket.send_json({"type": "conversation_initiation_client_data", **(initiation or {})})
        yield AgentClient(socket, fake.conversations[-1])
