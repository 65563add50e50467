"""A fake OpenAI Realtime, in the shapes of its general availability (other-agents.md B1)."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from relay.agents.openai.fake_shapes import (
    Append,
    FunctionOutput,
    ItemCreate,
    ItemTruncate,
    Message,
    MessageItem,
    ResponseCreate,
    SessionUpdate,
)
from sim.agent_script import AgentScript, Fault
from sim.sound import base64_decoded
from sim.timeline import Timeline
from sim.vendors.conversation import VendorConversation
from sim.vendors.measured import Measured, decode
from sim.vendors.record import BrokenRuleError
from sim.vendors.server import FakeVendor

TRANSCRIPTION_AFTER_S = 0.6
"""The caller's words come beside the conversation, after the answer to them has begun."""

FORMS: dict[str, dict[str, Any]] = {
    "ulaw_8000": {"type": "audio/pcmu"},
    "alaw_8000": {"type": "audio/pcma"},
    "pcm_24000": {"type": "audio/pcm", "rate": 24000},
}

TOOL_REPLY_DONE_S = 0.2
"""The reply that calls a tool goes on for a while; until it ends, no other may be requested."""


class OpenAIConversation(VendorConversation):
    """One session. A reply is a response with one item."""

    name = "openai"
    messages: ClassVar[Any] = Message
    """What a client may send."""
    first: ClassVar[Mapping[str, Any]] = {
        "type": "session.created",
        "session": {"id": "sess_fake", "object": "realtime.session", "type": "realtime"},
    }
    """What the server says first."""

    def __init__(self, script: AgentScript, timeline: Timeline) -> None:
        super().__init__(script, timeline)
        self._events = 0
        self._active = ""
        self._asked = False  # for a response that has not begun yet: there may be no other, either
        self._heard = 0
        self._sent: dict[str, float] = {}
        self._empty = 0
        self._text = ""
        self._texts: list[str] = []
        self._outputs: list[FunctionOutput] = []
        self._caller_speaks = False
        self._noted = False  # since the last reply that was asked for
        self.confirms = ""
        self.names_calls = True

    async def send(self, message: Mapping[str, Any], *, binary: bool = False) -> None:
        """Every event has an id."""
        self._events += 1
        await super().send({"event_id": f"event_{self._events}", **message}, binary=binary)

    async def handshake(self) -> bool:
        """`session.created`, the client's settings, `session.updated`."""
        await self.wait_ready()
        await self.send(self.first)
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return False
        update = self._read(message)
        if not isinstance(update, SessionUpdate):
            raise BrokenRuleError("not_configured", type(update).__name__)
        self.record.setup = msgspec.to_builtins(update.session)
        name = self.confirms or self.format_asked_for(update.session)
        self.formats(name, name)
        await self.send({"type": "session.updated", "session": self.confirmed(update.session, name)})
        return True

    def format_asked_for(self, session: Any) -> str:
        """The formats, by the names of sim.sound.FORMATS. Raises BrokenRuleError for one that OpenAI does not have."""
        given = session.audio.input.format
        if type(given) is not type(session.audio.output.format):
            raise BrokenRuleError("two_formats", "this fake takes one format both ways")
        return {"Pcm": "pcm_24000", "Pcmu": "ulaw_8000", "Pcma": "alaw_8000"}[type(given).__name__]

    def confirmed(self, session: Any, name: str) -> dict[str, Any]:
        """The server's report of the settings that apply from now on."""
        confirmed: dict[str, Any] = msgspec.to_builtins(session)
        if self.confirms:
            confirmed["audio"]["input"]["format"] = confirmed["audio"]["output"]["format"] = FORMS[name]
        return confirmed

    def _read(self, message: WSMessage) -> Message:
        if message.type is not WSMsgType.TEXT:
            raise BrokenRuleError("binary_frame", f"{len(message.data)} bytes")
        read: Message = self.read_shape(message.data, self.messages)
        return read

    async def take(self, message: WSMessage) -> None:
        match self._read(message):
            case Append(audio=text):
                data = base64_decoded(text)
                if data is None:
                    raise BrokenRuleError("bad_base64", "input_audio_buffer.append")
                await self.hear(data)
            case ItemCreate(item=MessageItem(role=role, content=content)):
                told = " ".join(part.text for part in content)
                if role == "system" and "said on this call" in told:
                    self.record.history.append(told)
                elif role == "system":
                    self.record.notes.append(told)
                    self._noted = True
                else:
                    self._texts.append(told)
            case ItemCreate(item=FunctionOutput() as output):
                self._outputs.append(output)
            case ResponseCreate(event_id=event_id, response=options):
                await self._create(event_id, options.instructions if options else "")
            case ItemTruncate() as cut:
                await self._truncate(cut)
            case SessionUpdate():
                raise BrokenRuleError("configured_twice", "")

    async def _create(self, event_id: str | None, instructions: str) -> None:
        """A reply is requested: to tools' results or texts, else the greeting, or a repeat of the failed turn."""
        if self._active or self._asked:
            code, which = "conversation_already_has_active_response", self._active or "one that was just asked for"
            error = {"type": "invalid_request_error", "code": code, "message": which, "event_id": event_id}
            await self.send({"type": "error", "error": error})
            raise BrokenRuleError(code, which, fatal=False)
        if self._caller_speaks:
            raise BrokenRuleError("reply_over_the_caller", "response.create while the caller speaks", fatal=False)
        self._asked = True
        outputs, self._outputs = self._outputs, []
        texts, self._texts = self._texts, []
        for one in outputs:
            self.tool_answered(one.call_id, one.output, is_error=one.output.startswith("error:"))
        answered = [await self.told_by_caller(text) for text in texts]
        if texts and not outputs and not any(answered):
            self.no_reply()
        if outputs or texts:
            return
        if self._noted:
            self._noted = False
            if not self.react("asked"):
                self.no_reply()
            return
        if self._failed_on:
            self.ask_again()
        else:
            self.record.told.append(instructions)
            if not self.react("start"):
                self.no_reply()

    def no_reply(self) -> None:
        """Every request gets a response, even an empty one."""
        if self._asked:
            self.spawn(self._say_nothing())

    async def _say_nothing(self) -> None:
        self._empty += 1
        await self._begin(f"resp_empty_{self._empty}")
        await self._done("completed")

    async def _begin(self, response_id: str) -> None:
        self._active, self._asked = response_id, False
        await self.send({"type": "response.created", "response": {"id": response_id, "status": "in_progress"}})

    async def _truncate(self, cut: ItemTruncate) -> None:
        sent_ms = self._sent.get(cut.item_id)
        if sent_ms is None:
            raise BrokenRuleError("unknown_item", cut.item_id, fatal=False)
        if cut.audio_end_ms > sent_ms:
            problem = f"Audio content of {sent_ms:.0f}ms is already shorter than {cut.audio_end_ms}ms"
            raise BrokenRuleError("truncated_beyond_end", problem, fatal=False)
        self.record.truncations.append((cut.item_id, cut.audio_end_ms))
        await self.send({"type": "conversation.item.truncated", **msgspec.structs.asdict(cut)})

    # --- what it says ---

    @property
    def _reply(self) -> dict[str, Any]:
        names = {"response_id": f"resp_{self.number}", "item_id": f"item_{self.number}"}
        return {**names, "output_index": 0, "content_index": 0}

    async def say_begin(self, text: str) -> None:
        await self._begin(f"resp_{self.number}")
        half = len(text) // 2
        for part in (text[:half], text[half:]):
            await self.send({"type": "response.output_audio_transcript.delta", "delta": part, **self._reply})
        self._text = text

    async def say_chunk(self, data: bytes) -> None:
        assert self.voice.format is not None
        item = f"item_{self.number}"
        length_ms = len(data) * 1000 / (self.voice.format.rate_hz * self.voice.format.sample_bytes)
        self._sent[item] = self._sent.get(item, 0.0) + length_ms
        delta = base64.b64encode(data).decode()
        await self.send({"type": "response.output_audio.delta", "delta": delta, **self._reply})

    async def say_end(self) -> None:
        await self.send({"type": "response.output_audio.done", **self._reply})
        done = {"type": "response.output_audio_transcript.done", "transcript": self._text, **self._reply}
        await self.send(done)
        await self._done("completed")

    async def _done(self, status: str) -> None:
        response, self._active = self._active, ""
        if response:
            await self.send({"type": "response.done", "response": {"id": response, "status": status, "output": []}})

    async def caller_began(self, *, interrupted: bool) -> None:
        self._caller_speaks = True
        began = {"audio_start_ms": 0, "item_id": f"item_caller_{self._heard + 1}"}
        await self.send({"type": "input_audio_buffer.speech_started", **began})

    async def late_sound(self, data: bytes) -> None:
        """Only a response that is still being generated has sound on its way."""
        if self._active:
            await self.say_chunk(data)
            await self._done("cancelled")

    async def caller_said(self, text: str) -> None:
        await self._done("cancelled")
        self._caller_speaks = self._asked = False
        self._heard += 1
        item = f"item_caller_{self._heard}"
        await self.send({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 0, "item_id": item})
        await self.send({"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": item})
        self.spawn(self._transcribe(item, text))

    async def _transcribe(self, item: str, text: str) -> None:
        await asyncio.sleep(TRANSCRIPTION_AFTER_S)
        kind = "conversation.item.input_audio_transcription.completed"
        usage = {"type": "duration", "seconds": 1.0}
        await self.send({"type": kind, "item_id": item, "content_index": 0, "transcript": text, "usage": usage})

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        if not early:
            await self._begin(f"resp_tool_{call_id}")
        part = {"response_id": self._active, "output_index": 1}
        item_id, arguments = f"fc_{call_id}", msgspec.json.encode(dict(parameters)).decode()
        item = {"id": item_id, "type": "function_call", "call_id": call_id, "name": name, "arguments": ""}
        item |= {"status": "in_progress"}
        await self.send({"type": "response.output_item.added", "item": item, **part})
        call = {"call_id": call_id, "arguments": arguments, "item_id": item_id, **part}
        call |= {"name": name} if self.names_calls else {}
        await self.send({"type": "response.function_call_arguments.done", **call})
        if not early:
            await asyncio.sleep(TOOL_REPLY_DONE_S)
            await self._done("completed")

    async def take_back(self, call_ids: Sequence[str]) -> bool:
        """Together with the response that requested them, if it is still being made."""
        if not self._active:
            return False
        await self._done("cancelled")
        return True

    async def say_failure(self, code: str) -> None:
        failed = f"resp_failed_{self._events}"
        await self._begin(failed)
        details = {"type": "failed", "error": {"type": "server_error", "code": code, "message": "made up"}}
        done = {"id": failed, "status": "failed", "status_details": details, "output": []}
        self._active = ""
        await self.send({"type": "response.done", "response": done})

    async def tell_failure(self, fault: Fault) -> None:
        error = {"type": "server_error", "code": fault.error_type, "message": fault.reason}
        await self.send({"type": "error", "error": error})

    async def tell_broken(self, broken: BrokenRuleError) -> None:
        error = {"type": "invalid_request_error", "code": broken.rule, "message": broken.detail}
        await self.send({"type": "error", "error": error})


class FakeOpenAI(FakeVendor):
    """Serve `app()` and pass its URL as the option `base_url`.

    `confirms`: the format that a session gets, whatever was requested. `names_calls`: whether the message that
    completes a tool call has its name, which `response.output_item.added` has already given.
    """

    path = "/v1/realtime"
    conversation: ClassVar[type[OpenAIConversation]] = OpenAIConversation
    confirms = ""
    names_calls = True

    def new_conversation(self) -> OpenAIConversation:
        """With these oddities."""
        conversation = self.conversation(self.script, self.timeline)
        conversation.confirms, conversation.names_calls = self.confirms, self.names_calls
        return conversation

    def authorized(self, request: web.Request) -> bool:
        """A bearer key, a model, and nothing of the retired beta."""
        key = request.headers.get("Authorization") == f"Bearer {self.api_key}"
        return key and bool(request.query.get("model")) and "OpenAI-Beta" not in request.headers


class MeasuredOpenAI(Measured):
    """What it says in the benchmark."""

    def opened(self) -> None:
        self._send_json(type="session.created", session={"id": "sess_bench"})

    def received(self, text: bytes) -> None:
        now, message = perf_counter(), decode(text)
        if message["type"] == "input_audio_buffer.append":
            self._hear(message["audio"], now)
        elif message["type"] == "session.update":
            self._send_json(type="session.updated", session={})
            self.begin(message["session"]["instructions"])

    def say_words(self, turn: int, words: str) -> None:
        names = {"response_id": f"resp_{turn}", "item_id": f"item_{turn}"}
        self._send_json(type="input_audio_buffer.committed", item_id=f"caller_{turn}")
        self._send_json(type="response.created", response={"id": f"resp_{turn}"})
        self._send_json(type="response.output_audio_transcript.done", transcript=words, **names)

    def say_sound(self, turn: int, *, last: bool) -> None:
        names = {"response_id": f"resp_{turn}", "item_id": f"item_{turn}"}
        self._send_json(type="response.output_audio.delta", delta=self._load.chunk.decode(), **names)
        if last:
            self._send_json(type="response.output_audio.done", **names)
            self._send_json(type="response.done", response={"id": f"resp_{turn}", "status": "completed"})

    def say_interrupted(self, turn: int) -> None:
        self._send_json(type="input_audio_buffer.speech_started", item_id=f"caller_{turn}")
