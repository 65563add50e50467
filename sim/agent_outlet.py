"""The fake agent's end of the socket: sends events, in the odd shapes they have, and closes it."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from aiohttp import web

from sim.agent_script import Fault, FaultKind
from sim.conversation_record import ConversationRecord
from sim.flood import AUDIO_S, TEXT, TOOL, flood
from sim.sound import AudioFormat
from sim.timeline import Timeline
from sim.wire import FakeSocket

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


class Outlet:
    """Sends events. Once `stalled` nothing is sent any more, once `deaf` nothing is read either."""

    def __init__(self, record: ConversationRecord, timeline: Timeline) -> None:
        self.socket = FakeSocket("elevenlabs")
        self.stalled = False
        self.deaf = False
        self._record = record
        self._timeline = timeline
        self._transport: asyncio.BaseTransport | None = None

    async def open(self, request: web.Request) -> None:
        """Answer the upgrade."""
        await self.socket.prepare(request)
        self._transport = request.transport

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one event, if the agent's client_events include it and the client is still there."""
        wanted = kind in ALWAYS_SENT or kind in self._record.script.client_events
        if self.stalled or self.socket.closed or not wanted:
            return
        message: Mapping[str, Any] = {"type": kind, WRAPPERS[kind]: fields}
        try:
            await self.socket.send_str(msgspec.json.encode(message).decode())
        except ConnectionError:
            self.ended("client", 1006, "connection lost")

    async def close(self, code: int, reason: str = "") -> None:
        """End the conversation from the agent's side."""
        self.ended("agent", code, reason)
        await self.socket.close(code=code, message=reason.encode())

    async def fail(self, fault: Fault) -> None:
        """Fail, at the scripted time."""
        await asyncio.sleep(fault.after_s)
        self._timeline.note("agent", "fails", f"{fault.kind} {fault.reason}".strip())
        match fault.kind:
            case FaultKind.CLOSE:
                if fault.error_type:
                    await self.send("error", code=fault.code, message=fault.reason, error_type=fault.error_type)
                await self.close(fault.code, fault.reason)
            case FaultKind.VANISH:
                self.ended("agent", 1006, fault.reason)
                if isinstance(self._transport, asyncio.WriteTransport):
                    self._transport.abort()
            case FaultKind.STALL:
                self.stalled = True
            case FaultKind.DEAF:
                self.stalled = self.deaf = True
            case FaultKind.FLOOD:
                what = fault.reason
                await flood(lambda number: self._flood(what, number), lambda: self.socket.closed)

    async def _flood(self, what: str, number: int) -> None:
        match what:
            case "audio":
                sound = AudioFormat(self._record.script.output_format)
                data = sound.encoded(np.full(round(sound.rate_hz * AUDIO_S), 1000, np.int16))
                await self.send("audio", audio_base_64=base64.b64encode(data).decode(), event_id=1)
            case "agent_text":
                await self.send("agent_response", agent_response=f"{number} {TEXT}", event_id=number)
            case "caller_text":
                await self.send("user_transcript", user_transcript=TEXT, event_id=number)
            case "tools":
                name, parameters = TOOL
                call_id = f"flood_{number}"
                await self.send("client_tool_call", tool_name=name, tool_call_id=call_id, parameters=parameters)
            case "junk":
                await self.socket.send_str(msgspec.json.encode({"type": "news", "text": TEXT}).decode())
            case _:
                await self.send("error", code=4000 + number, message=TEXT, error_type="remark")

    def ended(self, by: str, code: int | None, reason: str) -> None:
        """Note the end, if it is the first report of it."""
        if self._record.end(asyncio.get_running_loop().time(), by, code, reason):
            self._timeline.note("agent", "ended", f"by the {by}: {code} {reason}".strip())
