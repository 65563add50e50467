"""The webhook function over a store in memory, as a server beside the relay, for tests of recorded calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from aiohttp import web

from common.documents import decode
from common.recording import HEAD_BYTES, PIECE_SECONDS, read_head
from functions.common.http import request as to_request
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings
from relay.audio import pcm
from sim.serving import serving
from tests.support.memory_store import MemoryStore
from tests.support.relay_world import EVENTS_SECRET


class RecordingDesk:
    """`store` is there to look at. `statuses`: what uploads are answered with, one each, then what they should be."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.webhook = WebhookApp(Settings.from_env({"EVENTS_SECRET": EVENTS_SECRET}), self.store)
        self.statuses: list[int] = []
        self.uploads = 0
        self.asked: list[dict] = []
        self.events_url = ""
        self.deaf = False
        """Events are kept, but leave to upload is refused."""
        self.takes_s = 0.0
        """So long each answer takes."""
        self.old = False
        """They know nothing of recordings."""
        self.silent = False
        """Uploads are never answered."""

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, incoming: web.Request) -> web.Response:
        body = await incoming.read()
        await asyncio.sleep(self.takes_s)
        request = to_request(incoming.method, incoming.path, incoming.query_string, dict(incoming.headers), body)
        if incoming.method == "PUT":
            self.uploads += 1
            if self.silent:
                await asyncio.sleep(3600)
            if self.statuses and (status := self.statuses.pop(0)) != 200:
                return web.Response(status=status)
        elif decode(body)["type"] == "recording.upload":
            self.asked.append(decode(body))
            if self.deaf:
                return web.Response(status=503)
            if self.old:
                return web.json_response({"status": "ok", "duplicate": False})
        response = self.webhook.handle(request)
        return web.Response(status=response.status, body=response.body, headers=response.headers)

    def pieces(self, call_sid: str) -> dict[str, bytes]:
        prefix = f"recordings/{call_sid}/"
        return {key: body for key, body in self.store.objects.items() if key.startswith(prefix)}

    def sides(self, call_sid: str):
        """Both sides of the only stream, as far as they were kept; silence in between."""
        kept = self.pieces(call_sid)
        numbers = {int(key[-9:-4]): body for key, body in kept.items()}
        rate_hz, channels, frames = read_head(next(iter(numbers.values()))[:HEAD_BYTES])
        assert frames == PIECE_SECONDS * rate_hz
        sides = np.zeros((channels, (max(numbers) + 1) * frames), dtype=np.int16)
        for number, body in numbers.items():
            sound = pcm.ulaw_decode(body[HEAD_BYTES:]).reshape(frames, channels).T
            sides[:, number * frames : (number + 1) * frames] = sound
        return sides

    def events(self, call_sid: str) -> list[dict]:
        prefix = f"calls/{call_sid}/events/"
        return [decode(body) for key, body in self.store.objects.items() if key.startswith(prefix)]

    def told(self, call_sid: str) -> dict:
        """What `recording.ended` said."""
        [told] = [event["recording"] for event in self.events(call_sid) if event["type"] == "recording.ended"]
        return told


@asynccontextmanager
async def recording_desk() -> AsyncIterator[RecordingDesk]:
    desk = RecordingDesk()
    async with serving(desk.app()) as url:
        desk.events_url = f"{url}/relay/events"
        yield desk
