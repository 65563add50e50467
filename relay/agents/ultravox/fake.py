"""A fake Ultravox (other-agents.md B8): a call is created over HTTP and joined at the address in the answer."""

import asyncio
import binascii
from collections.abc import Mapping
from time import perf_counter
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import WSMessage, WSMsgType, web
from msgspec import Meta, Struct

from sim.agent_script import AgentScript, Fault
from sim.timeline import Timeline
from sim.vendors.conversation import VendorConversation
from sim.vendors.measured import BINARY, Measured, decode
from sim.vendors.record import BrokenRuleError
from sim.vendors.server import FakeVendor

Seconds = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?s$")]


# --- what a client may send; anything else is an error ---


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    pass


class ServerWebSocket(_Strict):
    input_sample_rate: Literal[8000, 16000, 24000, 48000]
    output_sample_rate: Literal[8000, 16000, 24000, 48000]
    client_buffer_size_ms: Annotated[int, Meta(ge=0)] = 60


class Medium(_Strict):
    server_web_socket: ServerWebSocket


class AgentGreeting(_Strict):
    text: str | None = None
    prompt: str | None = None


class UserGreeting(_Strict):
    pass


class FirstSpeaker(_Strict):
    agent: AgentGreeting | None = None
    user: UserGreeting | None = None


class InitialMessage(_Strict):
    role: Literal["MESSAGE_ROLE_USER", "MESSAGE_ROLE_AGENT"]
    text: str


class Parameter(_Strict):
    name: str
    location: Literal["PARAMETER_LOCATION_BODY"]
    schema: Mapping[str, Any]
    required: bool = False


class Client(_Strict):
    pass


class TemporaryTool(_Strict):
    model_tool_name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str
    client: Client
    dynamic_parameters: list[Parameter] = []
    timeout: Seconds = "2.5s"


class SelectedTool(_Strict):
    temporary_tool: TemporaryTool


class StartCall(_Strict):
    system_prompt: str
    medium: Medium
    model: str = "ultravox-v0.7"
    voice: str | None = None
    language_hint: str | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] = 0.0
    first_speaker_settings: FirstSpeaker | None = None
    initial_messages: list[InitialMessage] = []
    selected_tools: list[SelectedTool] = []
    join_timeout: Seconds = "30s"


class _Typed(_Strict, tag_field="type"):
    pass


class UserText(_Typed, tag="user_text_message"):
    text: str
    urgency: Literal["immediate", "soon", "later"] = "soon"


class ToolResult(_Typed, tag="client_tool_result"):
    invocation_id: str
    result: str | None = None
    error_type: Literal["undefined", "implementation-error"] | None = None
    error_message: str | None = None


Message = UserText | ToolResult


class UltravoxConversation(VendorConversation):
    """One call. What is said has ordinals, sound has none; the state is `speaking` for as long as sound is heard."""

    name = "ultravox"
    request: StartCall

    def __init__(self, script: AgentScript, timeline: Timeline) -> None:
        super().__init__(script, timeline)
        self.call_id = ""
        self._ordinal = -1
        self._text = ""
        self._heard_out: asyncio.Task[None] | None = None

    async def handshake(self) -> bool:
        """The call begins when the socket is open and the model ready."""
        await self.wait_ready()
        request = self.request
        self.record.setup = msgspec.to_builtins(request)
        self.record.history += [f"{one.role}: {one.text}" for one in request.initial_messages]
        medium = request.medium.server_web_socket
        self.formats(f"pcm_{medium.input_sample_rate}", f"pcm_{medium.output_sample_rate}")
        await self.send({"type": "call_started", "callId": self.call_id})
        await self._state("idle")
        first = request.first_speaker_settings or FirstSpeaker(agent=AgentGreeting())
        if first.agent:
            self.record.told.append(first.agent.text or first.agent.prompt or "")
            self.react("start")
        return True

    async def take(self, message: WSMessage) -> None:
        if message.type is WSMsgType.BINARY:
            await self.hear(message.data)
            return
        match self.read_shape(message.data, Message):
            case UserText(text=text, urgency="later"):
                self.record.notes.append(text)
            case UserText(text=text):
                await self.told_by_caller(text)
            case ToolResult(invocation_id=call_id, result=result, error_type=error_type, error_message=problem):
                if (result is None) is (error_type is None):
                    raise BrokenRuleError("result_or_error", call_id, fatal=False)
                self.tool_answered(call_id, result or problem or "", is_error=error_type is not None)

    # --- what it says ---

    async def _state(self, state: str) -> None:
        await self.send({"type": "state", "state": state})

    async def _words(self, *, final: bool, **words: str) -> None:
        of_agent = {"role": "agent", "medium": "voice", "ordinal": self._ordinal}
        await self.send({"type": "transcript", **of_agent, **words, "final": final})

    async def say_begin(self, text: str) -> None:
        if self._heard_out:
            self._heard_out.cancel()
        self._ordinal += 1
        self._text = text
        await self._state("speaking")
        await self._words(final=False, delta=text[: len(text) // 2])

    async def say_chunk(self, data: bytes) -> None:
        await self.send_bytes(data)

    async def say_end(self) -> None:
        await self._words(final=False, delta=self._text[len(self._text) // 2 :])
        self._heard_out = self.spawn(self._listen_again())

    async def _listen_again(self) -> None:
        await asyncio.sleep(max(0.0, self.voice.until - self.loop.time()))
        await self._words(final=True, text=self._text)
        await self._state("listening")

    async def caller_began(self, *, interrupted: bool) -> None:
        """No message for speech while the agent is silent."""
        if not interrupted:
            return
        if self._heard_out:
            self._heard_out.cancel()
        await self.send({"type": "playback_clear_buffer"})
        await self._words(final=True, text=self._text[: len(self._text) // 2])
        await self._state("listening")

    async def caller_said(self, text: str) -> None:
        self._ordinal += 1
        await self._state("thinking")
        caller = {"role": "user", "medium": "voice", "ordinal": self._ordinal, "text": text}
        await self.send({"type": "transcript", **caller, "final": True})

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        call = {"toolName": name, "invocationId": call_id, "parameters": dict(parameters)}
        await self.send({"type": "client_tool_invocation", **call})

    async def tell_failure(self, fault: Fault) -> None:
        await self.send({"type": "debug", "message": f"{fault.error_type}: {fault.reason}"})


class FakeUltravox(FakeVendor):
    """Serve `app()` and give its URL as the option `base_url`."""

    no_sdk = "its Python SDK speaks WebRTC only"
    path = "/join/{call_id}"
    conversation = UltravoxConversation

    def __init__(
        self, script: AgentScript, *, api_key: str = "key_of_nobody", timeline: Timeline | None = None
    ) -> None:
        super().__init__(script, api_key=api_key, timeline=timeline)
        self._created: dict[str, StartCall] = {}
        self._joined: list[str] = []

    def app(self) -> web.Application:
        """A new application."""
        app = super().app()
        app.router.add_post("/api/calls", self._create)
        return app

    async def _create(self, request: web.Request) -> web.Response:
        if request.headers.get("X-API-Key") != self.api_key:
            return web.json_response({"detail": "Invalid API key."}, status=401)
        if self.script.upgrade_status != 101:
            return web.json_response({"detail": "refused"}, status=self.script.upgrade_status)
        try:
            wanted = msgspec.json.decode(await request.read(), type=StartCall)
        except msgspec.DecodeError as error:
            return web.json_response({"detail": str(error)}, status=400)
        call_id = f"00000000-0000-4000-8000-{len(self._created):012}"
        self._created[call_id] = wanted
        url = f"ws://{request.host}/join/{call_id}"
        return web.json_response({"callId": call_id, "joinUrl": url}, status=201)

    def authorized(self, request: web.Request) -> bool:
        """Anybody with the address may join, once."""
        call_id = request.match_info["call_id"]
        if call_id not in self._created or call_id in self._joined:
            return False
        self._joined.append(call_id)
        return True

    def new_conversation(self) -> UltravoxConversation:
        """That of the call that was joined last."""
        conversation = UltravoxConversation(self.script, self.timeline)
        conversation.call_id = self._joined[-1]
        conversation.request = self._created[conversation.call_id]
        return conversation


class MeasuredUltravox(Measured):
    """A call is created over HTTP and joined at the address that this answers; its id is that of the call."""

    def data_received(self, data: bytes) -> None:
        if self._reader is None and (self._head + data).startswith(b"POST"):
            self._head += data
            self._create()
        else:
            super().data_received(data)

    def _create(self) -> None:
        head, end, body = self._head.partition(b"\r\n\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n"))}
        if not end or len(body) < int(fields[b"content-length"]):
            return
        call_sid = decode(body)["systemPrompt"]
        self.answer("201 Created", {"callId": call_sid, "joinUrl": f"ws://{fields[b'host'].decode()}/{call_sid}"})

    def upgrade(self, head: bytes) -> bool:
        self._joined = head.split(b" ")[1].decode().lstrip("/")
        return super().upgrade(head)

    def opened(self) -> None:
        self._send_json(type="call_started", callId=self._joined)
        self.begin(self._joined)

    def received_binary(self, data: bytes) -> None:
        now = perf_counter()
        self._hear(binascii.b2a_base64(data, newline=False).decode(), now)

    def say_words(self, turn: int, words: str) -> None:
        told = {"medium": "voice", "final": True}
        self._send_json(type="state", state="thinking")
        self._send_json(type="transcript", role="user", text="Hello?", ordinal=2 * turn, **told)
        self._send_json(type="state", state="speaking")
        self._send_json(type="transcript", role="agent", text=words, ordinal=2 * turn + 1, **told)

    def say_sound(self, turn: int, *, last: bool) -> None:
        self.send(self._load.raw_chunk, BINARY)
        if last:
            self._send_json(type="state", state="listening")

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="playback_clear_buffer")
