"""A fake Gemini Live (other-agents.md B3): a conversation outlives its sockets."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from msgspec import Meta, Struct

from common.aside import PREFIX
from sim.agent_script import AgentScript
from sim.sound import base64_decoded
from sim.timeline import Timeline
from sim.vendors.conversation import VendorConversation
from sim.vendors.lenient import camel
from sim.vendors.measured import Measured, decode
from sim.vendors.record import BrokenRuleError
from sim.vendors.server import FakeVendor
from sim.wire import FakeSocket

RESUMED_WITHIN_S = 2.0
_URL_SAFE = str.maketrans("-_", "+/")
"""Google reads both alphabets of base64, and its own client writes the one for URLs."""


# --- what a client may send; anything else is an error ---


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    pass


class Text(_Strict):
    text: str


class Content(_Strict):
    parts: list[Text]
    role: Literal["user", "model"] | None = None


class PrebuiltVoice(_Strict):
    voice_name: str


class Voice(_Strict):
    prebuilt_voice_config: PrebuiltVoice


class Speech(_Strict):
    voice_config: Voice


class Generation(_Strict):
    response_modalities: Annotated[list[Literal["AUDIO"]], Meta(min_length=1, max_length=1)]
    speech_config: Speech | None = None


class ObjectSchema(_Strict):
    type: Literal["object", "OBJECT"]
    properties: Annotated[dict[str, Any], Meta(min_length=1)]
    """An object without any is refused."""
    required: list[str] = []


class Function(_Strict):
    name: str
    description: str
    parameters: ObjectSchema | None = None


class Tools(_Strict):
    function_declarations: list[Function]


class Detection(_Strict):
    disabled: Literal[False] = False
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class RealtimeConfig(_Strict):
    automatic_activity_detection: Detection


class Empty(_Strict):
    pass


class Resumption(_Strict):
    handle: str | None = None


class Compression(_Strict):
    sliding_window: Empty


class Setup(_Strict):
    model: Annotated[str, Meta(pattern="^models/.+")]
    generation_config: Generation
    system_instruction: Content | None = None
    tools: list[Tools] = []
    realtime_input_config: RealtimeConfig | None = None
    input_audio_transcription: Empty | None = None
    output_audio_transcription: Empty | None = None
    session_resumption: Resumption | None = None
    context_window_compression: Compression | None = None


class Blob(_Strict):
    mime_type: Literal["audio/pcm;rate=16000"]
    data: str


class RealtimeInput(_Strict):
    audio: Blob | None = None
    text: str | None = None


class FunctionResponse(_Strict):
    name: str
    response: Mapping[str, Any]
    id: str | None = None


class ToolResponse(_Strict):
    function_responses: Annotated[list[FunctionResponse], Meta(min_length=1)]


class Message(_Strict):
    """Exactly one of these."""

    setup: Setup | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None


class GeminiConversation(VendorConversation):
    """One conversation. Sound and its transcription travel in one message; every other frame is a binary one."""

    name = "gemini"

    def __init__(self, script: AgentScript, timeline: Timeline) -> None:
        super().__init__(script, timeline)
        self.handle = f"handle_{id(self):x}"
        self.say_goodbye_after: tuple[float, float] | None = None
        self.calls_have_ids = True
        self.took_back: web.WebSocketResponse | None = None
        self._names: dict[str, str] = {}
        self._frames = 0
        self._text = ""

    async def send(self, message: Mapping[str, Any], *, binary: bool = False) -> None:
        self._frames += 1
        await super().send(message, binary=binary or self._frames % 2 == 0)

    async def handshake(self) -> bool:
        """The client's setup, `setupComplete`."""
        setup = await self.read_setup(self.socket)
        if setup is None:
            return False
        await self.accept(setup)
        return True

    async def read_setup(self, socket: web.WebSocketResponse) -> Setup | None:
        """The first message; None when there is none. Raises BrokenRuleError."""
        message = await socket.receive()
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return None
        setup = self._read(message).setup
        if setup is None:
            raise BrokenRuleError("not_set_up", str(message.data)[:100])
        return setup

    async def accept(self, setup: Setup) -> None:
        """At the start of a conversation."""
        self.record.setup = msgspec.to_builtins(setup)
        instruction = setup.system_instruction
        told = " ".join(part.text for part in instruction.parts) if instruction else ""
        self.record.history += [told] if "said on this call" in told else []
        await self.wait_ready()
        self.formats("pcm_16000", "pcm_24000")
        await self.ready()

    async def ready(self) -> None:
        """On a new socket: it may be used for a limited time."""
        await self.send({"setupComplete": {}, "sessionResumptionUpdate": {"newHandle": self.handle, "resumable": True}})
        if self.say_goodbye_after:
            self.spawn(self._go_away(*self.say_goodbye_after, self.socket))

    async def _go_away(self, after_s: float, left_s: float, socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(after_s)
        if left_s:
            await self.send({"goAway": {"timeLeft": f"{left_s:g}s"}})
        await asyncio.sleep(left_s)
        self.took_back = socket
        await socket.close(code=1011, message=b"Deadline expired before operation could complete.")

    def _read(self, message: WSMessage) -> Message:
        if message.type is WSMsgType.BINARY:
            raise BrokenRuleError("binary_frame", f"{len(message.data)} bytes")
        read: Message = self.read_shape(message.data, Message, prepare=camel)
        if sum(part is not None for part in (read.setup, read.realtime_input, read.tool_response)) != 1:
            raise BrokenRuleError("not_one_thing", message.data[:200])
        return read

    async def take(self, message: WSMessage) -> None:
        read = self._read(message)
        if read.setup:
            raise BrokenRuleError("set_up_twice", "")
        if read.tool_response:
            for answer in read.tool_response.function_responses:
                self._answered(answer)
        elif read.realtime_input and read.realtime_input.audio:
            data = base64_decoded(read.realtime_input.audio.data.translate(_URL_SAFE))
            if data is None:
                raise BrokenRuleError("bad_base64", "realtimeInput.audio")
            await self.hear(data)
        elif read.realtime_input and read.realtime_input.text is not None:
            first = not self.record.told and not read.realtime_input.text.startswith(PREFIX)
            await self.told_by_caller(read.realtime_input.text)
            if first:
                self.react("start")
            elif "last answer failed" in read.realtime_input.text:
                self.ask_again()

    def _answered(self, answer: FunctionResponse) -> None:
        call_id = answer.id or next((one for one, name in self._names.items() if name == answer.name), "")
        if self._names.pop(call_id, None) != answer.name or (answer.id is None) is self.calls_have_ids:
            raise BrokenRuleError("wrong_function", f"{answer.id} is not {answer.name}", fatal=False)
        result = answer.response.get("result", answer.response.get("error"))
        self.tool_answered(call_id, str(result), is_error="error" in answer.response)

    # --- what it says ---

    async def say_begin(self, text: str) -> None:
        self._text = text

    async def say_chunk(self, data: bytes) -> None:
        sound = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(data).decode()}
        content: dict[str, Any] = {"modelTurn": {"parts": [{"inlineData": sound}]}}
        if self._text:  # all of it with the first sound
            content["outputTranscription"] = {"text": self._text}
            self._text = ""
        await self.send({"serverContent": content})

    async def say_end(self) -> None:
        await self.send({"serverContent": {"generationComplete": True}})
        # the turn lasts as long as the client can be thought to play it
        self.speaking = self.spawn(self._complete_turn())

    async def _complete_turn(self) -> None:
        await asyncio.sleep(max(0.0, self.voice.until - self.loop.time()))
        handle = {"newHandle": self.handle, "resumable": True}
        await self.send({"serverContent": {"turnComplete": True}, "sessionResumptionUpdate": handle})

    async def caller_began(self, *, interrupted: bool) -> None:
        if interrupted:
            await self.send({"serverContent": {"interrupted": True}})

    async def late_sound(self, data: bytes) -> None:
        await self.say_chunk(data)
        await self._complete_turn()

    async def caller_said(self, text: str) -> None:
        half = len(text) // 2
        await self.send({"serverContent": {"inputTranscription": {"text": text[:half]}}})
        await self.send({"serverContent": {"inputTranscription": {"text": text[half:]}}})

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        self._names[call_id] = name
        call: dict[str, Any] = {"name": name, "args": dict(parameters)}
        if self.calls_have_ids:
            call["id"] = call_id
        await self.send({"toolCall": {"functionCalls": [call]}})

    async def take_back(self, call_ids: Sequence[str]) -> bool:
        await self.send({"toolCallCancellation": {"ids": list(call_ids)}})
        return True

    async def say_failure(self, code: str) -> None:
        await self.send({"serverContent": {"turnComplete": True, "turnCompleteReason": code}})


class FakeGemini(FakeVendor):
    """Serve `app()` and pass its URL as the option `base_url`.

    `goes_away`: each socket is closed after the first number of seconds and a warning of the second; a second of 0
    means none. `forgets`: handles are not honoured. `calls_have_ids`: tool calls are answered by id, or by name.
    """

    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    conversation = GeminiConversation
    goes_away: tuple[float, float] | None = None
    forgets = False
    calls_have_ids = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_handle: dict[str, GeminiConversation] = {}

    def authorized(self, request: web.Request) -> bool:
        """By header; a key in the URL would work too but ends up in logs."""
        return request.headers.get("x-goog-api-key") == self.api_key and "key" not in request.query

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """A new conversation, or another socket of one that the client names by its handle."""
        conversation = GeminiConversation(self.script, self.timeline)
        conversation.say_goodbye_after = self.goes_away
        conversation.calls_have_ids = self.calls_have_ids
        await conversation.open(request)
        socket = conversation.socket
        try:
            setup = await conversation.read_setup(socket)
        except BrokenRuleError as broken:
            self.conversations.append(conversation.record)
            await conversation.broken(broken)
            return socket
        if setup is None:
            return socket
        handle = setup.session_resumption.handle if setup.session_resumption else None
        if handle is None:
            return await self._converse_anew(conversation, setup)
        known = self._by_handle.get(handle)
        if known is None or self.forgets:
            await socket.close(code=1008, message=b"BidiGenerateContent session not found")
            return socket
        return await self._go_on(known, conversation, socket)

    async def _converse_anew(self, conversation: GeminiConversation, setup: Setup) -> web.StreamResponse:
        self.conversations.append(conversation.record)
        self._by_handle[conversation.handle] = conversation
        first = conversation.socket
        try:
            await conversation.accept(setup)
            conversation.began()
            await conversation.read(first)
        finally:
            await self._leave(conversation, first)
        return first

    async def _go_on(
        self, known: GeminiConversation, newcomer: GeminiConversation, socket: FakeSocket
    ) -> web.StreamResponse:
        known.record.sockets += 1
        known.socket, known.transport = socket, newcomer.transport
        await known.ready()
        try:
            await known.read(socket)
        finally:
            await self._leave(known, socket)
        return socket

    async def _leave(self, conversation: GeminiConversation, socket: web.WebSocketResponse) -> None:
        """The conversation ends with its last socket; after a lost one another may follow."""
        lost = conversation.took_back is socket or socket.close_code != WSCloseCode.OK
        if lost and conversation.socket is socket:
            await asyncio.sleep(RESUMED_WITHIN_S)
        if conversation.socket is socket:
            await conversation.finish(socket.close_code)


class MeasuredGemini(Measured):
    """What it says in the benchmark."""

    def received(self, text: bytes) -> None:
        now, message = perf_counter(), decode(text)
        if "realtimeInput" in message:
            if "audio" in message["realtimeInput"]:
                self._hear(message["realtimeInput"]["audio"]["data"], now)
        elif "setup" in message:
            self._send_json(setupComplete={})
            self.begin(message["setup"]["systemInstruction"]["parts"][0]["text"].partition("\n")[0])

    def say_words(self, turn: int, words: str) -> None:
        self._send_json(serverContent={"inputTranscription": {"text": "Hello?"}})
        self._send_json(serverContent={"outputTranscription": {"text": words}})

    def say_sound(self, turn: int, *, last: bool) -> None:
        sound = {"mimeType": "audio/pcm;rate=24000", "data": self._load.chunk.decode()}
        self._send_json(serverContent={"modelTurn": {"parts": [{"inlineData": sound}]}})
        if last:
            self._send_json(serverContent={"generationComplete": True})
            if not turn % 2:
                self._send_json(serverContent={"turnComplete": True})

    def say_interrupted(self, turn: int) -> None:
        self._send_json(serverContent={"interrupted": True})
        self._send_json(serverContent={"turnComplete": True})
