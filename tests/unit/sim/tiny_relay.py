"""The least that can stand between the two fakes: no resampling, no ambience. Tests of the fakes need no real relay."""

import asyncio
import base64
import json

import aiohttp
from aiohttp import web

FRAME_BYTES = 1600
FRAME_S = 0.1


class TinyRelay:
    """Line and agent must both speak pcm_8000. Plays the agent's sound in frames of 100 ms, one frame ahead."""

    def __init__(self, agent_url: str, *, answer_pings: bool = True, await_end: bool = True) -> None:
        self.agent_url = agent_url
        self.answer_pings = answer_pings
        self.await_end = await_end
        self.tool_results = {"transfer_to_human": "connecting"}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/media", self.media)
        return app

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        sound, marks, ready, metadata = bytearray(), asyncio.Queue(), asyncio.Event(), asyncio.Event()
        sid, awaited = "", 0

        async def play():
            nonlocal awaited
            loop = asyncio.get_running_loop()
            due = loop.time()
            while True:
                if not sound:
                    ready.clear()
                    await ready.wait()
                    await asyncio.sleep(0.1)  # pieces are of uneven length: let a frame's worth come together
                    due = loop.time()
                frame = bytes(sound[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
                del sound[:FRAME_BYTES]
                payload = base64.b64encode(frame).decode()
                await line.send_json({"event": "media", "stream_sid": sid, "media": {"payload": payload}})
                if not sound:
                    awaited += 1
                    await line.send_json({"event": "mark", "stream_sid": sid, "mark": {"name": "end"}})
                due += FRAME_S
                await asyncio.sleep(due - loop.time())

        async def hear(agent):
            nonlocal awaited
            async for message in agent:
                event = json.loads(message.data)
                match event["type"]:
                    case "conversation_initiation_metadata":
                        metadata.set()
                    case "ping" if self.answer_pings:
                        await agent.send_json({"type": "pong", "event_id": event["ping_event"]["event_id"]})
                    case "audio":
                        sound.extend(base64.b64decode(event["audio_event"]["audio_base_64"]))
                        ready.set()
                    case "interruption":
                        sound.clear()
                        await line.send_json({"event": "clear", "stream_sid": sid})
                    case "client_tool_call":
                        call = event["client_tool_call"]
                        result = {"tool_call_id": call["tool_call_id"], "result": "ok", "is_error": False}
                        await agent.send_json({"type": "client_tool_result", **result})
            if self.await_end:
                while sound or awaited:
                    await marks.get()
                    awaited -= 1
            await line.close()

        async with aiohttp.ClientSession() as session, session.ws_connect(self.agent_url) as agent:
            await agent.send_json({"type": "conversation_initiation_client_data"})
            tasks = [asyncio.create_task(hear(agent)), asyncio.create_task(play())]
            async for message in line:
                event = json.loads(message.data)
                if event["event"] == "start":
                    sid = event["stream_sid"]
                elif event["event"] == "media" and metadata.is_set() and not agent.closed:
                    await agent.send_json({"user_audio_chunk": event["media"]["payload"]})
                elif event["event"] == "dtmf":
                    await agent.send_json({"type": "user_message", "text": event["dtmf"]["digit"]})
                elif event["event"] == "mark":
                    marks.put_nowait(event["mark"]["name"])
                elif event["event"] == "stop":
                    break
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return line
