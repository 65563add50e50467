"""A fake of Sarvam's agents (other-agents.md B6): the client requests an address by HTTP, and opens it."""

import asyncio
import base64
from collections.abc import Mapping
from time import perf_counter
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import WSMessage, WSMsgType, web
from msgspec import Meta, Struct

from sim.agent_script import AgentScript, Fault
from sim.sound import base64_decoded
from sim.timeline import Timeline
from sim.vendors.conversation import VendorConversation
from sim.vendors.measured import Measured, decode
from sim.vendors.record import BrokenRuleError
from sim.vendors.server import FakeVendor

RATE_HZ = 16_000
PING_EVERY_S = 10.0
PONG_WITHIN_S = 5.0


# --- what a client may send; anything else is an error ---


class _Message(Struct, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    origin: Literal["client"]
    timestamp: float


class Start(_Message, tag="client.action.interaction_start"):
    agent_variables: Mapping[str, Any] | None = None
    initial_language_name: str | None = None
    initial_bot_message: str | None = None
    initial_state_name: str | None = None
    speech_hotwords: list[str] | None = None
    text_to_speech_config: Mapping[str, Any] | None = None


class AudioChunk(_Message, tag="client.media.audio_chunk"):
    audio_base64: str
    format: Literal["audio/wav"]
    sample_rate: Literal[16000, 48000]


class Text(_Message, tag="client.media.text"):
    text: Annotated[str, Meta(min_length=1)]


class Pong(_Message, tag="client.system.pong"):
    event_id: int


class End(_Message, tag="client.action.interaction_end"):
    pass


Message = Start | AudioChunk | Text | Pong | End


class SarvamConversation(VendorConversation):
    """One interaction. The app greets the caller by itself; its tools run at Sarvam's, so none is called here."""

    name = "sarvam"

    def __init__(self, script: AgentScript, timeline: Timeline) -> None:
        super().__init__(script, timeline)
        self.query: Mapping[str, str] = {}
        self._pings: dict[int, float] = {}
        self._pinged = 0

    async def handshake(self) -> bool:
        """The client's start message, and the server's answer."""
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return False
        start = self.read_shape(message.data, Message)
        if not isinstance(start, Start):
            raise BrokenRuleError("not_started", type(start).__name__)
        variables = start.agent_variables or {}
        self.record.setup = {**msgspec.to_builtins(start), "query": dict(self.query)}
        self.record.history.append(str(variables.get("recent_history", "")))
        await self.wait_ready()
        self.formats(f"pcm_{self.query['sample_rate']}", f"pcm_{RATE_HZ}")
        ids = {"reference_id": "reference_fake", "interaction_id": "interaction_fake"}
        await self._tell("action.interaction_connected", **ids, agent_variables=dict(variables))
        self.spawn(self._ping())
        if start.initial_bot_message:
            self.record.told.append(start.initial_bot_message)
        self.react("start")
        return True

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            self._pinged += 1
            self._pings[self._pinged] = self.loop.time()
            await self._tell("system.ping", event_id=self._pinged)

    async def take(self, message: WSMessage) -> None:
        if message.type is not WSMsgType.TEXT:
            raise BrokenRuleError("binary_frame", f"{len(message.data)} bytes")
        match self.read_shape(message.data, Message):
            case AudioChunk(audio_base64=text, sample_rate=rate_hz):
                if f"pcm_{rate_hz}" != self.record.input_format:
                    raise BrokenRuleError("another_rate", str(rate_hz))
                data = base64_decoded(text)
                if data is None:
                    raise BrokenRuleError("bad_base64", "client.media.audio_chunk")
                await self.hear(data)
            case Text(text=text):
                await self.told_by_caller(text)
            case Pong(event_id=number):
                sent_at = self._pings.pop(number, None)
                if sent_at is None or self.loop.time() - sent_at > PONG_WITHIN_S:
                    raise BrokenRuleError("pong", f"{number} was not waited for", fatal=False)
            case Start():
                raise BrokenRuleError("started_twice", "")
            case End():
                await self.socket.close()

    # --- what it says ---

    async def _tell(self, kind: str, **fields: Any) -> None:
        await self.send({"type": f"server.{kind}", "origin": "server", "timestamp": self.loop.time(), **fields})

    async def _sound(self, data: bytes, status: str) -> None:
        sound = {"audio_base64": base64.b64encode(data).decode(), "format": "audio/wav", "sample_rate": RATE_HZ}
        await self._tell("media.audio_chunk", **sound, status=status)

    async def say_begin(self, text: str) -> None:
        await self._tell("event.transcription", role="bot", content=text)

    async def say_chunk(self, data: bytes) -> None:
        await self._sound(data, "pending")

    async def say_end(self) -> None:
        await self._sound(b"", "completed")

    async def caller_began(self, *, interrupted: bool) -> None:
        await self._tell("event.user_speech_start")
        if interrupted:
            await self._tell("event.user_interrupt")

    async def caller_said(self, text: str) -> None:
        await self._tell("event.user_speech_end")
        await self._tell("event.transcription", role="user", content=text)

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        """The only tool that shows: the end, said when the goodbye has been sent."""
        if name != "end_call":
            raise NotImplementedError(f"no client of Sarvam's is asked to run {name}")
        await self._tell("action.interaction_end")
        self.ended("agent", 1000)
        await self.socket.close()

    async def tell_failure(self, fault: Fault) -> None:
        await self._sound(b"", "failed")


class FakeSarvam(FakeVendor):
    """Serve `app()` and give its URL as the option `base_url`."""

    path = "/ws/{ticket}"
    conversation = SarvamConversation

    def __init__(
        self, script: AgentScript, *, api_key: str = "key_of_nobody", timeline: Timeline | None = None
    ) -> None:
        super().__init__(script, api_key=api_key, timeline=timeline)
        self._tickets: list[str] = []
        self._query: Mapping[str, str] = {}

    def app(self) -> web.Application:
        """A new application."""
        app = super().app()
        app.router.add_get("/api/app-runtime/orgs/{org}/workspaces/{workspace}/apps/{app}/url", self._sign)
        return app

    async def _sign(self, request: web.Request) -> web.Response:
        if request.headers.get("X-API-Key") != self.api_key:
            return web.json_response({"detail": "invalid credentials"}, status=401)
        if self.script.upgrade_status != 101:
            return web.json_response({"detail": "refused"}, status=self.script.upgrade_status)
        if request.query.get("interaction_type") != "call":
            return web.json_response({"detail": "interaction_type"}, status=422)
        ticket = f"ticket_{len(self._tickets)}"
        self._tickets.append(ticket)
        url = f"ws://{request.host}/ws/{ticket}?signature=fake"
        return web.json_response({"url": url, "reference_id": "reference_fake"})

    def authorized(self, request: web.Request) -> bool:
        """The signature that was given, and who calls."""
        query = self._query = dict(request.query)
        known = request.match_info["ticket"] in self._tickets and query.get("signature") == "fake"
        rate = query.get("sample_rate") in {"16000", "48000"}
        kinds = {"phone_number", "email", "custom", "unknown"}
        who = bool(query.get("user_identifier")) and query.get("user_identifier_type") in kinds
        return known and rate and who and query.get("interaction_type") == "call"

    def new_conversation(self) -> SarvamConversation:
        """That of the address that was opened last."""
        conversation = SarvamConversation(self.script, self.timeline)
        conversation.query = self._query
        return conversation


class MeasuredSarvam(Measured):
    """Its address is asked for over HTTP first; which call it has, it learns from the agent's variables."""

    def upgrade(self, head: bytes) -> bool:
        if b"/url?" not in head.partition(b"\r\n")[0]:
            return super().upgrade(head)
        host = next(line[6:] for line in head.split(b"\r\n") if line.lower().startswith(b"host: "))
        self.answer("200 OK", {"url": f"ws://{host.decode()}/ws", "reference_id": "reference_bench"})
        return True

    def opened(self) -> None:
        """It speaks when it has been spoken to."""

    def _tell(self, kind: str, **fields: object) -> None:
        self._send_json(type=f"server.{kind}", origin="server", timestamp=0.0, **fields)

    def received(self, text: bytes) -> None:
        now, message = perf_counter(), decode(text)
        if message["type"] == "client.media.audio_chunk":
            self._hear(message["audio_base64"], now)
        elif message["type"] == "client.action.interaction_start":
            self._tell("action.interaction_connected", reference_id="reference_bench", interaction_id="bench")
            self.begin(message["agent_variables"]["call_sid"])

    def say_words(self, turn: int, words: str) -> None:
        self._tell("event.user_speech_end")
        self._tell("event.transcription", role="user", content="Hello?")
        self._tell("event.transcription", role="bot", content=words)

    def say_sound(self, turn: int, *, last: bool) -> None:
        sound = {"audio_base64": self._load.chunk.decode(), "format": "audio/wav", "sample_rate": 16000}
        self._tell("media.audio_chunk", **sound, status="completed" if last else "pending")

    def say_interrupted(self, turn: int) -> None:
        self._tell("event.user_interrupt")
