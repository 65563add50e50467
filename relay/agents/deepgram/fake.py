"""A fake Deepgram Voice Agent (other-agents.md B2)."""

import asyncio
import binascii
from collections.abc import Mapping, Sequence
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

SILENCE_S = 15.0
"""The session ends after this long without audio or KeepAlive; 15 and 60 s were both seen."""
KEEP_ALIVE_S = 8.0


# --- what a client may send; anything else is an error ---


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class _Typed(_Strict, tag_field="type"):
    pass


class AudioIn(_Strict):
    encoding: Literal["linear16", "mulaw"]
    sample_rate: Literal[8000, 16000, 24000, 48000]


class AudioOut(AudioIn):
    container: Literal["none"]


class Audio(_Strict):
    input: AudioIn
    output: AudioOut


class Provider(_Strict):
    type: str
    model: str


class Nova(_Strict, tag_field="version", tag="v1"):
    type: Literal["deepgram"]
    model: Annotated[str, Meta(pattern="^(?!flux)")]
    language: str | None = None


class Flux(_Strict, tag_field="version", tag="v2"):
    """No language: a hint, and that only where the model hears several."""

    type: Literal["deepgram"]
    model: Annotated[str, Meta(pattern="^flux-")]
    language_hints: list[str] | None = None
    eot_threshold: Annotated[float, Meta(ge=0.5, le=1.0)] | None = None
    eot_timeout_ms: int | None = None


class Listen(_Strict):
    provider: Nova | Flux


class Speak(_Strict):
    provider: Provider


class Function(_Strict):
    name: str
    description: str
    parameters: Mapping[str, Any]
    defer_until_eot: bool = False


class Think(_Strict):
    provider: Provider
    prompt: str = ""
    functions: list[Function] = []


class History(_Typed, tag="History"):
    role: Literal["user", "assistant"]
    content: Annotated[str, Meta(min_length=1)]


class Context(_Strict):
    messages: list[History]


class Agent(_Strict):
    listen: Listen
    think: Think
    speak: Speak
    greeting: str | None = None
    context: Context | None = None


class Settings(_Typed, tag="Settings"):
    audio: Audio
    agent: Agent


class KeepAlive(_Typed, tag="KeepAlive"):
    pass


class InjectUserMessage(_Typed, tag="InjectUserMessage"):
    content: str


class UpdatePrompt(_Typed, tag="UpdatePrompt"):
    """Added to the prompt there is."""

    prompt: Annotated[str, Meta(min_length=1, max_length=25_000)]


class FunctionCallResponse(_Typed, tag="FunctionCallResponse"):
    id: str
    name: str
    content: str


Message = Settings | KeepAlive | InjectUserMessage | UpdatePrompt | FunctionCallResponse


class DeepgramConversation(VendorConversation):
    """One session."""

    name = "deepgram"

    def __init__(self, script: AgentScript, timeline: Timeline) -> None:
        super().__init__(script, timeline)
        self._names: dict[str, str] = {}
        self._heard_at = 0.0

    async def handshake(self) -> bool:
        """`Welcome`, the client's settings, `SettingsApplied`."""
        await self._nothing_before_welcome()
        await self.send({"type": "Welcome", "request_id": "request_fake"})
        message = await self.socket.receive()
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return False
        settings = self._read(message)
        if not isinstance(settings, Settings):
            raise BrokenRuleError("not_configured", type(settings).__name__)
        self.record.setup = msgspec.to_builtins(settings)
        context = settings.agent.context
        self.record.history += [f"{one.role}: {one.content}" for one in context.messages] if context else []
        self.formats(_format(settings.audio.input), _format(settings.audio.output))
        await self.send({"type": "SettingsApplied"})
        self._heard_at = self.loop.time()
        self.spawn(self._watch())
        if settings.agent.greeting:
            self.record.told.append(settings.agent.greeting)
            self.react("start")
        return True

    async def _nothing_before_welcome(self) -> None:
        try:
            async with asyncio.timeout(self.script.metadata_after_s):
                message = await self.socket.receive()
        except TimeoutError:
            return
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            raise BrokenRuleError("before_welcome", str(message.data)[:100])

    def _read(self, message: WSMessage) -> Message:
        if message.type is WSMsgType.BINARY:
            raise BrokenRuleError("audio_before_ready", f"{len(message.data)} bytes")
        read: Message = self.read_shape(message.data, Message)
        return read

    async def take(self, message: WSMessage) -> None:
        now = self.loop.time()
        if message.type is WSMsgType.BINARY:
            self._heard_at = now
            await self.hear(message.data)
            return
        match self._read(message):
            case KeepAlive():
                self.record.keep_alives += 1
                if now - self._heard_at < KEEP_ALIVE_S - 0.5:
                    raise BrokenRuleError(
                        "needless_keep_alive", f"audio came {now - self._heard_at:.2f} s ago", fatal=False
                    )
                self._heard_at = now
            case InjectUserMessage(content=text):
                await self.told_by_caller(text)
            case UpdatePrompt(prompt=text):
                self.record.notes.append(text)
                await self.send({"type": "PromptUpdated"})
            case FunctionCallResponse(id=call_id, name=name, content=content):
                if self._names.get(call_id) != name:
                    raise BrokenRuleError("wrong_function", f"{call_id} is not {name}", fatal=False)
                self.tool_answered(call_id, content, is_error=content.startswith("error:"))
            case Settings():
                raise BrokenRuleError("configured_twice", "")

    async def _watch(self) -> None:
        while (silence_s := self.loop.time() - self._heard_at) < SILENCE_S:  # noqa: ASYNC110 - sleeps until it can be
            await asyncio.sleep(SILENCE_S - silence_s)
        await self.fail(Fault(error_type="CLIENT_MESSAGE_TIMEOUT", reason="no audio and no KeepAlive"))

    # --- what it says ---

    async def say_begin(self, text: str) -> None:
        await self.send({"type": "ConversationText", "role": "assistant", "content": text})
        latencies = {"total_latency": 0.8, "tts_latency": 0.2, "ttt_latency": 0.4}
        await self.send({"type": "AgentStartedSpeaking", **latencies})

    async def say_chunk(self, data: bytes) -> None:
        await self.send_bytes(data)

    async def say_end(self) -> None:
        await self.send({"type": "AgentAudioDone"})

    async def caller_began(self, *, interrupted: bool) -> None:
        await self.send({"type": "UserStartedSpeaking"})

    async def caller_said(self, text: str) -> None:
        await self.send({"type": "ConversationText", "role": "user", "content": text})
        await self.send({"type": "AgentThinking", "content": "..."})

    async def take_back(self, call_ids: Sequence[str]) -> bool:
        functions = [{"id": call_id, "name": self._names[call_id]} for call_id in call_ids]
        await self.send({"type": "FunctionCallCancelled", "functions": functions})
        return True

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        self._names[call_id] = name
        arguments = msgspec.json.encode(dict(parameters)).decode()
        function = {"id": call_id, "name": name, "arguments": arguments, "client_side": True}
        await self.send({"type": "FunctionCallRequest", "functions": [function]})

    async def tell_failure(self, fault: Fault) -> None:
        await self.send({"type": "Error", "code": fault.error_type, "description": fault.reason})

    async def tell_broken(self, broken: BrokenRuleError) -> None:
        await self.send({"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": str(broken)})


def _format(audio: AudioIn) -> str:
    return f"{'pcm' if audio.encoding == 'linear16' else 'ulaw'}_{audio.sample_rate}"


class FakeDeepgram(FakeVendor):
    """Serve `app()` and give its URL as the option `base_url`."""

    path = "/v1/agent/converse"
    conversation = DeepgramConversation

    def authorized(self, request: web.Request) -> bool:
        """`Token`, not `Bearer`."""
        return request.headers.get("Authorization") == f"Token {self.api_key}"


class MeasuredDeepgram(Measured):
    """What it says in the benchmark."""

    def opened(self) -> None:
        self._send_json(type="Welcome", request_id="request_bench")

    def received(self, text: bytes) -> None:
        message = decode(text)
        if message["type"] == "Settings":
            self._send_json(type="SettingsApplied")
            self.begin(message["agent"]["think"]["prompt"])

    def received_binary(self, data: bytes) -> None:
        now = perf_counter()
        self._hear(binascii.b2a_base64(data, newline=False).decode(), now)

    def say_words(self, turn: int, words: str) -> None:
        self._send_json(type="ConversationText", role="user", content="Hello?")
        self._send_json(type="ConversationText", role="assistant", content=words)
        self._send_json(type="AgentStartedSpeaking", total_latency=1.0)

    def say_sound(self, turn: int, *, last: bool) -> None:
        self.send(self._load.raw_chunk, BINARY)
        if last:
            self._send_json(type="AgentAudioDone")

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="UserStartedSpeaking")
