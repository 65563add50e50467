"""Whole calls with an agent whose every piece of sound a test decides, behind ElevenLabs' socket."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from relay.app import create_app
from relay.settings import Settings
from sim.caller import Step, When
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.serving import serving
from tests.support.relay_world import listening

Story = Callable[["ToldAgent"], Awaitable[Any]]


class ToldAgent:
    """One conversation. `heard`: the caller's sound as it came, with the moment; times count from `began`."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.heard: list[tuple[float, bytes]] = []
        self._socket, self._request = socket, request

    @property
    def now(self) -> float:
        """Seconds since the agent was ready."""
        return self.loop.time() - self.began

    async def until(self, seconds: float) -> None:
        """Wait for that moment."""
        await asyncio.sleep(max(0.0, seconds - self.now))

    async def say(self, turn: int, sound: Any, *, final: bool = False) -> None:
        """Samples, or bytes, of that turn, in one message."""
        data = sound if isinstance(sound, bytes) else sound.astype("<i2").tobytes()
        said = {"audio_base_64": base64.b64encode(data).decode(), "event_id": turn, "is_final": final}
        await self.tell("audio", audio_event=said)

    async def say_in_pieces(self, turn: int, sound: np.ndarray, size: int, every_s: float) -> None:
        """A whole turn, `size` samples at a time, on a clock that does not drift."""
        began = self.now
        for number, at in enumerate(range(0, len(sound), size)):
            await self.until(began + number * every_s)
            await self.say(turn, sound[at : at + size], final=at + size >= len(sound))

    async def interrupt(self, turn: int) -> None:
        """The agent has heard the caller cut into that turn."""
        await self.tell("interruption", interruption_event={"event_id": turn})

    async def tell(self, kind: str, **fields: Any) -> None:
        """Any other event."""
        if not self._socket.closed:
            await self._socket.send_str(json.dumps({"type": kind, **fields}))

    def drop(self) -> None:
        """Be gone, without a word."""
        assert self._request.transport is not None
        self._request.transport.abort()

    def sound(self) -> np.ndarray:
        """All that was heard, by an agent that hears 16-bit samples."""
        return np.frombuffer(b"".join(data for _, data in self.heard), "<i2")

    async def listen(self) -> None:
        """Until the relay closes."""
        async for message in self._socket:
            if message.type is WSMsgType.TEXT and "user_audio_chunk" in (content := json.loads(message.data)):
                self.heard.append((self.now, base64.b64decode(content["user_audio_chunk"])))


class _Agents:
    """The vendor: tells each agent's story."""

    def __init__(self, stories: Mapping[str, Story], hears: str, speaks: str) -> None:
        self.conversations: list[ToldAgent] = []
        self._stories = stories
        self._formats = {"user_input_audio_format": hears, "agent_output_audio_format": speaks}

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        agent = ToldAgent(socket, request)
        self.conversations.append(agent)
        ready = {"conversation_id": f"conv_{len(self.conversations)}", **self._formats}
        await agent.tell("conversation_initiation_metadata", conversation_initiation_metadata_event=ready)
        telling = asyncio.ensure_future(self._stories[request.query["agent_id"]](agent))
        try:
            await agent.listen()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        return socket


@dataclass(frozen=True)
class Told:
    """A call that is over: both ends of it, its record, and its agents in the order in which they came."""

    result: CallResult
    record: dict[str, Any]
    agents: list[ToldAgent]

    @property
    def heard(self) -> np.ndarray:
        """What the caller heard since `start`, as integers that do not overflow."""
        return self.result.heard.astype(int)

    @property
    def quality(self) -> dict[str, Any]:
        """The record's."""
        quality: dict[str, Any] = self.record["quality"]
        return quality


async def told_call(
    folder: Path,
    story: Story,
    *more: Story,
    hears: str = "pcm_8000",
    speaks: str = "pcm_8000",
    entry: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    script: tuple[Step, ...] = (),
    hang_up_s: float = 10.0,
    **plan: Any,
) -> Told:
    """A call with the agent of `story`; each of `more` takes over from the one before. `entry`: keys of each entry in
    AGENTS_FILE. The caller hangs up at `hang_up_s`.
    """
    stories = {f"agent_{number}": one for number, one in enumerate((story, *more))}
    agents = _Agents(stories, hears, speaks)
    app = web.Application()
    app.router.add_get("/v1/convai/conversation", agents.converse)
    folder.mkdir(exist_ok=True)
    lines = ['default = "agent_0"']
    for number, alias in enumerate(stories):
        fallback = {"fallback": f"agent_{number + 1}"} if number < len(more) else {}
        keys = {"id": alias, **fallback, **(entry or {})}
        lines += [f"[agents.{alias}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    (folder / "agents.toml").write_text("\n".join(lines))
    async with serving(app) as url:
        chosen = {"elevenlabs_base_url": url, "agents_file": str(folder / "agents.toml"), "store": folder}
        async with listening(create_app(replace(Settings(), **{**chosen, **(settings or {})}))) as relay_url:
            steps = (*script, Step(when=When.AT, ms=round(hang_up_s * 1000), hang_up=True))
            address = relay_url.replace("http", "ws", 1) + "/media"
            usual = {"url": address, "script": steps, "call_sid": "call-1"}  # which says where the ambience begins
            result = await FakeExotel().call(CallPlan(**{**usual, **plan}))
            record = folder / "logs" / f"{result.call_sid}.json"
            while not record.exists():  # noqa: ASYNC110 - the time is virtual
                await asyncio.sleep(0.1)
    return Told(result, json.loads(record.read_text()), agents.conversations)
