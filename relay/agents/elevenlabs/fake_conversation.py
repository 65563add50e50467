"""One conversation with the fake ElevenLabs agent, in its messages (elevenlabs.md A2, A3)."""

import asyncio
import base64
import math
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import WSMessage, WSMsgType

from relay.agents.elevenlabs.fake_record import ConversationRecord
from relay.agents.elevenlabs.fake_rules import (
    TOLERATED,
    CallerAudio,
    ClientEvent,
    ClientRule,
    Initiation,
    Message,
    Pong,
    ToolResult,
    read_event,
)
from sim.agent_script import AgentScript, Fault, Reply
from sim.timeline import Timeline
from sim.vendors.conversation import VendorConversation
from sim.vendors.record import BrokenRuleError, Turn

NO_INPUT_S = 60.0
NO_INPUT = Fault(code=1002, reason="No user input", error_type="transport_receive_timeout")
END_CALL_AFTER_S = 0.2
WRAPPERS = {
    "conversation_initiation_metadata": "conversation_initiation_metadata_event",
    "audio": "audio_event",
    "agent_response": "agent_response_event",
    "agent_response_correction": "agent_response_correction_event",
    "agent_response_complete": "agent_response_complete_event",
    "user_transcript": "user_transcription_event",
    "interruption": "interruption_event",
    "ping": "ping_event",
    "client_tool_call": "client_tool_call",
    "agent_tool_response": "agent_tool_response",
    "queue_status": "queue_status_event",
    "error": "error_event",
}
"""The key under which an event's fields are; it follows no rule (elevenlabs.md A2.3)."""
ALWAYS_SENT = frozenset({"conversation_initiation_metadata", "ping", "queue_status", "error"})


class Conversation(VendorConversation):
    """What the caller said and the answer to it share a `number`, which is their `event_id` (elevenlabs.md A2.5)."""

    name = "elevenlabs"
    refusal = "Invalid message received"
    tolerates = TOLERATED
    record: ConversationRecord

    def __init__(self, script: AgentScript, agent_id: str, authorization: str, timeline: Timeline) -> None:
        record = ConversationRecord(
            script,
            asyncio.get_running_loop().time(),
            conversation_id=f"conv_{uuid4().hex}",
            agent_id=agent_id,
            authorization=authorization,
            started_unix=time.time(),
        )
        super().__init__(script, timeline, record)
        self._pings: dict[int, float] = {}

    async def event(self, kind: str, **fields: Any) -> None:
        """Send one, if the agent's client_events include it."""
        if kind in ALWAYS_SENT or kind in self.script.client_events:
            await self.send({"type": kind, WRAPPERS[kind]: fields})

    # --- life ---

    async def begin(self) -> bool:
        """The client's first message is the initiation; what comes before the metadata is read as well."""
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return False
        event = read_event(message.data)
        if not isinstance(event, Initiation):
            raise BrokenRuleError(ClientRule.NOT_INITIATED, str(event))
        self.record.setup = event.message
        self.record.history += filter(None, [str(event.variables.get("recent_history", ""))])
        refused = [path for path in event.overrides() if path not in self.script.allowed_overrides]
        missing = [name for name in self.script.required_variables if name not in event.variables]
        if refused:
            await self.close(1008, f"Override for field '{refused[0]}' is not allowed by config.")
        elif missing:
            await self.close(1008, f"Missing required dynamic variables in first message: {missing}")
        else:
            self.spawn(self._start())
            self.spawn(self._watch())
        return not refused and not missing

    async def _start(self) -> None:
        """Queue the client if the script says so, send the metadata, then the first reply."""
        for after_s, status in self.script.queue:
            await asyncio.sleep(after_s)
            await self.event("queue_status", status=status)
            if status == "timed_out":
                await self.close(4300, "Queue wait timed out")
                return
        await self.wait_ready()
        self.formats(self.script.input_format, self.script.output_format)
        self.began()
        await self.event(
            "conversation_initiation_metadata",
            conversation_id=self.record.conversation_id,
            agent_output_audio_format=self.script.output_format,
            user_input_audio_format=self.script.input_format,
        )
        self.spawn(self._ping())
        self.react("start")

    async def _ping(self) -> None:
        number = 0
        while True:
            number += 1
            delays = self.record.pong_delays
            if not self.stalled:
                self._pings[number] = self.loop.time()
            await self.event("ping", event_id=number, ping_ms=round(delays[-1] * 1000) if delays else None)
            await asyncio.sleep(self.script.ping_every_s)

    async def _watch(self) -> None:
        """Late pongs are recorded; a client that sends no sound for a minute is closed."""
        while True:
            await asyncio.sleep(0.25)
            now = self.loop.time()
            for number, sent in list(self._pings.items()):
                if now - sent > self.script.pong_within_s and not self.deaf:
                    del self._pings[number]
                    self.note(ClientRule.PONG_LATE, f"ping {number} unanswered for {now - sent:.2f} s")
            heard_at = self.record.received_at[-1][0] if self.record.received_at else self.record.ready_at
            if heard_at is not None and now - heard_at > NO_INPUT_S and not self.stalled:
                await self.fail(NO_INPUT)
                return

    # --- what the client says ---

    async def take(self, message: WSMessage) -> None:
        if message.type is WSMsgType.BINARY:
            raise BrokenRuleError(ClientRule.BINARY_FRAME, f"{len(message.data)} bytes")
        await self._take(read_event(message.data))

    async def _take(self, event: ClientEvent) -> None:
        match event:
            case Initiation():
                raise BrokenRuleError(ClientRule.INITIATED_TWICE, "")
            case CallerAudio(data):
                await self.hear(data)
            case Pong(event_id):
                sent = self._pings.pop(event_id, None)
                if sent is None:
                    raise BrokenRuleError(ClientRule.UNKNOWN_PING, str(event_id), fatal=False)
                self.record.pong_delays.append(self.loop.time() - sent)
            case ToolResult(call_id, result, is_error):
                self.tool_answered(call_id, result, is_error=is_error)
            case Message(kind, text):
                self.record.messages.append(event)
                await self._told(kind, text)

    async def _told(self, kind: str, text: str) -> None:
        """A user_message counts as speech of the caller: it interrupts the agent and is answered (A2.2)."""
        if kind == "user_message":
            await self.caller_cuts_in()
            self.number += 1
            self.record.turns.append(Turn("user", text, self.loop.time()))
            await self.told_by_caller(text)
            return
        self.record.told.append(text)
        if kind == "contextual_update":
            self.record.notes.append(text)
        self.timeline.note("agent", "told", text)

    # --- what it says ---

    def begin_turn(self, reply: Reply) -> None:
        if reply.on == "start" or reply.on.startswith("tool"):
            self.number += 1  # nothing was said before: a turn of its own

    async def say_begin(self, text: str) -> None:
        await self.event("agent_response", agent_response=text, event_id=self.number)

    async def say_chunk(self, data: bytes) -> None:
        await self._audio(data, is_final=False)

    async def say_end(self) -> None:
        await self._audio(b"", is_final=True)
        await self.event("agent_response_complete", event_id=self.number)

    async def _audio(self, data: bytes, *, is_final: bool) -> None:
        sound = base64.b64encode(data).decode()
        await self.event("audio", audio_base_64=sound, event_id=self.number, is_final=is_final)

    async def caller_began(self, *, interrupted: bool) -> None:
        if interrupted:
            next_id = self.script.interruption_carries_next_id
            await self.event("interruption", event_id=self.number + 1 if next_id else self.number)

    async def corrected(self, turn: Turn) -> None:
        """Correct what was said to what may have been heard."""
        words = turn.text.split()
        turn.original = turn.text
        turn.text = " ".join(words[: math.ceil(len(words) * self.voice.heard)])
        await self.event(
            "agent_response_correction",
            original_agent_response=turn.original,
            corrected_agent_response=turn.text,
            event_id=self.number,
        )

    async def caller_said(self, text: str) -> None:
        self.number += 1
        await self.event("user_transcript", user_transcript=text, event_id=self.number)

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        await self.event(
            "client_tool_call",
            tool_name=name,
            tool_call_id=call_id,
            parameters=dict(parameters),
            event_id=self.number,
            expects_response=True,
        )

    async def end_call(self) -> None:
        """The agent hangs up right after its last words were sent, long before they were heard (A3.6)."""
        await asyncio.sleep(END_CALL_AFTER_S)
        await self.event(
            "agent_tool_response",
            tool_name="end_call",
            tool_call_id=f"tool_{uuid4().hex[:12]}",
            tool_type="system",
            is_error=False,
            is_called=True,
            event_id=self.number,
        )
        await self.close(1000)

    async def tell_failure(self, fault: Fault) -> None:
        await self.event("error", code=fault.code, message=fault.reason, error_type=fault.error_type)
