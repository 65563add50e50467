"""One conversation with the fake agent, over one socket: checks the client, hears, answers (elevenlabs.md A2, A3)."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from common.aside import PREFIX
from sim.agent_ear import AgentEar, SpeechBegan, SpeechEnded, made_out
from sim.agent_outlet import Outlet
from sim.agent_rules import (
    TOLERATED,
    CallerAudio,
    ClientEvent,
    ClientRule,
    ClientRules,
    ClientViolation,
    Initiation,
    Message,
    Pong,
    ToolResult,
)
from sim.agent_script import AgentScript, Fault, Reply, ToolUse
from sim.agent_voice import Voice
from sim.conversation_record import ConversationRecord, Turn
from sim.sound import AudioFormat
from sim.speech import line
from sim.timeline import Timeline

TOOL_PATIENCE_S = 20.0
NO_INPUT_S = 60.0
NO_INPUT = Fault(code=1002, reason="No user input", error_type="transport_receive_timeout")
MAX_AHEAD_S = 2.5
"""How much sound may come at once: a bounded buffer filled before the metadata, no more (elevenlabs.md A2.1)."""
MAX_INPUT_GAP_S = 1.0
END_CALL_AFTER_S = 0.2
FATAL_RULES = frozenset(ClientRule) - {
    ClientRule.INPUT_GAP,
    ClientRule.PONG_LATE,
    ClientRule.UNKNOWN_PING,
    *TOLERATED,
}
"""Answered with 1008 `Invalid message received`; the others are only recorded."""


class Conversation:
    """Runs one conversation; `record` is filled as it goes."""

    def __init__(self, script: AgentScript, agent_id: str, authorization: str, timeline: Timeline) -> None:
        loop = asyncio.get_running_loop()
        conversation_id = f"conv_{uuid4().hex}"
        self.record = ConversationRecord(conversation_id, agent_id, script, authorization, loop.time(), time.time())
        self._loop = loop
        self._script = script
        self._timeline = timeline
        self._outlet = Outlet(self.record, timeline)
        self._voice = Voice(self.record, self._outlet, timeline)
        self._input = AudioFormat(script.input_format)
        self._rules = ClientRules(self._input)
        self._ear = AgentEar(self._input, script.speech_db, script.speech_after_ms, script.quiet_after_ms)
        self.record.received = self._ear.received
        self._given: set[int] = set()
        self._speaking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pings: dict[int, float] = {}
        self._tools: dict[str, asyncio.Future[ToolResult]] = {}
        self._keys = ""
        self._too_fast = False

    async def run(self, request: web.Request) -> web.StreamResponse:
        """From the upgrade to the end of the conversation."""
        await self._outlet.open(request)
        self._timeline.note("agent", "connected", self.record.agent_id)
        try:
            if await self._initiated():
                self._spawn(self._start())
                self._spawn(self._watch())
                await self._read()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._outlet.ended("client", self._outlet.socket.close_code, "")
        return self._outlet.socket

    async def _initiated(self) -> bool:
        """Take the client's first message, which must be the initiation, and check what it asks for."""
        message = await self._outlet.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return False
        event = self._rules.read(self._loop.time(), message.data)
        if not isinstance(event, Initiation):
            await self._break(ClientRule.NOT_INITIATED, str(event))
            return False
        self.record.initiation = event.message
        refused = [path for path in event.overrides() if path not in self._script.allowed_overrides]
        missing = [name for name in self._script.required_variables if name not in event.variables]
        if refused:
            await self._outlet.close(1008, f"Override for field '{refused[0]}' is not allowed by config.")
        elif missing:
            await self._outlet.close(1008, f"Missing required dynamic variables in first message: {missing}")
        return not refused and not missing

    async def _start(self) -> None:
        """Queue the client if the script says so, send the metadata, then the first reply."""
        for after_s, status in self._script.queue:
            await asyncio.sleep(after_s)
            await self._outlet.send("queue_status", status=status)
            if status == "timed_out":
                await self._outlet.close(4300, "Queue wait timed out")
                return
        if self._script.metadata_after_s is None:
            return
        await asyncio.sleep(self._script.metadata_after_s)
        self.record.metadata_at = self._loop.time()
        await self._outlet.send(
            "conversation_initiation_metadata",
            conversation_id=self.record.conversation_id,
            agent_output_audio_format=self._script.output_format,
            user_input_audio_format=self._script.input_format,
        )
        self._timeline.note("agent", "metadata", f"in {self._script.input_format}, out {self._script.output_format}")
        self._spawn(self._ping())
        if self._script.fault:
            self._spawn(self._outlet.fail(self._script.fault))
        self._react("start")

    async def _read(self) -> None:
        socket = self._outlet.socket
        while not socket.closed:
            if self._outlet.deaf:
                await asyncio.sleep(NO_INPUT_S)
                continue
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                await self._take(self._rules.read(self._loop.time(), message.data))
            elif message.type is WSMsgType.BINARY:
                await self._break(ClientRule.BINARY_FRAME, f"{len(message.data)} bytes")
            else:
                return

    async def _take(self, event: ClientEvent | ClientViolation) -> None:
        match event:
            case ClientViolation():
                await self._break(event.rule, event.detail)
            case Initiation():
                await self._break(ClientRule.INITIATED_TWICE, "")
            case CallerAudio(data):
                await self._listen(data)
            case Pong(event_id):
                sent = self._pings.pop(event_id, None)
                if sent is None:
                    await self._break(ClientRule.UNKNOWN_PING, str(event_id))
                else:
                    self.record.pong_delays.append(self._loop.time() - sent)
            case ToolResult(call_id):
                waiting = self._tools.pop(call_id, None)
                if waiting is None:
                    await self._break(ClientRule.UNKNOWN_TOOL_CALL, call_id)
                elif not waiting.done():
                    waiting.set_result(event)
            case Message(kind, text):
                self.record.messages.append(event)
                self._timeline.note("agent", "told", text)
                if kind == "user_message":
                    await self._told(text)

    async def _listen(self, data: bytes) -> None:
        """Caller audio: after the metadata, continuous, in real time (elevenlabs.md A2.1, A3.2)."""
        if self.record.metadata_at is None:
            await self._break(ClientRule.AUDIO_BEFORE_METADATA, f"{len(data)} bytes")
            return
        now = self._loop.time()
        self.record.received_at.append((now, len(self.record.received)))
        heard = self._ear.hear(data)
        if len(self.record.received_at) > 1:
            (first, _), (last, _) = self.record.received_at[0], self.record.received_at[-2]
            if now - last > MAX_INPUT_GAP_S:
                await self._break(ClientRule.INPUT_GAP, f"nothing for {now - last:.2f} s")
            ahead_s = self._ear.seconds - (now - first)
            if ahead_s > MAX_AHEAD_S and not self._too_fast:  # reported once: every later chunk is too fast as well
                self._too_fast = True
                await self._break(ClientRule.TOO_FAST, f"{ahead_s:.2f} s ahead of real time")
        for event in heard:
            await (self._cut_off() if isinstance(event, SpeechBegan) else self._understand(event))

    async def _understand(self, speech: SpeechEnded) -> None:
        name, likeness = made_out(speech.pcm, self._input.rate_hz, self._script.lines_to_expect())
        text = line(name).text if name else "..."
        self._voice.event_id += 1
        self.record.turns.append(Turn("user", text, self._loop.time(), line=name, likeness=likeness))
        self._timeline.note("agent", "made_out", text)
        await self._outlet.send("user_transcript", user_transcript=text, event_id=self._voice.event_id)
        self._react(f"heard:{name}" if name else "unclear")

    async def _told(self, text: str) -> None:
        """A user_message counts as speech of the caller: it interrupts the agent and is answered (A2.2)."""
        await self._cut_off()
        self._voice.event_id += 1
        self.record.turns.append(Turn("user", text, self._loop.time()))
        self._keys += "".join(character for character in text if character in "0123456789*#")
        for reply in self._script.replies:
            if reply.on.startswith("keys:") and self._keys.endswith(reply.on[5:]):
                self._keys = ""
                self._react(reply.on)
                return
        if text.startswith(PREFIX):
            self._react("asked")

    async def _cut_off(self) -> None:
        if self._voice.is_heard and not self._outlet.stalled:
            if self._speaking:
                self._speaking.cancel()
            await self._voice.interrupt()

    def _react(self, trigger: str) -> None:
        """Give the first reply to `trigger` that has not been given yet, if there is one."""
        for index, reply in enumerate(self._script.replies):
            if reply.on == trigger and (reply.repeat or index not in self._given):
                self._given.add(index)
                self._speaking = self._spawn(self._give(reply))
                return

    async def _give(self, reply: Reply) -> None:
        if reply.on != "start":
            await asyncio.sleep(self._script.reply_after_ms / 1000)
        if reply.on == "start" or reply.on.startswith("tool"):
            self._voice.event_id += 1  # nothing was said before: this is a separate turn
        if reply.fault:
            self._spawn(self._outlet.fail(reply.fault))
        if reply.say:
            await self._voice.say(reply.say)
        # Separate tasks: an interruption stops the words, not their consequences.
        if reply.tool:
            self._spawn(self._use(reply.tool))
        if reply.end_call:
            self._spawn(self._end_call())

    async def _use(self, tool: ToolUse) -> None:
        call_id = f"tool_{uuid4().hex[:12]}"
        answer: asyncio.Future[ToolResult] = self._loop.create_future()
        self._tools[call_id] = answer
        self._timeline.note("agent", "tool", f"{tool.name} {dict(tool.parameters)}")
        await self._outlet.send(
            "client_tool_call",
            tool_name=tool.name,
            tool_call_id=call_id,
            parameters=dict(tool.parameters),
            event_id=self._voice.event_id,
            expects_response=tool.expects_response,
        )
        try:
            async with asyncio.timeout(TOOL_PATIENCE_S):
                result = await answer
        except TimeoutError:
            self._tools.pop(call_id, None)
            if tool.expects_response:
                self._react(f"tool_failed:{tool.name}")
            return
        self.record.tool_results.append((tool.name, result))
        self._timeline.note("agent", "tool_result", result.result)
        if tool.expects_response:
            self._react(f"{'tool_failed' if result.is_error else 'tool'}:{tool.name}")

    async def _end_call(self) -> None:
        """The agent hangs up right after its last words were sent, long before they were heard (A3.6)."""
        await asyncio.sleep(END_CALL_AFTER_S)
        await self._outlet.send(
            "agent_tool_response",
            tool_name="end_call",
            tool_call_id=f"tool_{uuid4().hex[:12]}",
            tool_type="system",
            is_error=False,
            is_called=True,
            event_id=self._voice.event_id,
        )
        await self._outlet.close(1000)

    async def _break(self, rule: ClientRule, detail: str) -> None:
        self.record.violations.append(ClientViolation(self._loop.time(), rule, detail))
        if rule in FATAL_RULES:
            await self._outlet.close(1008, "Invalid message received")

    async def _ping(self) -> None:
        number = 0
        while True:
            number += 1
            delays = self.record.pong_delays
            if not self._outlet.stalled:
                self._pings[number] = self._loop.time()
            await self._outlet.send("ping", event_id=number, ping_ms=round(delays[-1] * 1000) if delays else None)
            await asyncio.sleep(self._script.ping_every_s)

    async def _watch(self) -> None:
        """Late pongs are recorded; a client that sends no sound for a minute is closed."""
        while True:
            await asyncio.sleep(0.25)
            now = self._loop.time()
            for number, sent in list(self._pings.items()):
                if now - sent > self._script.pong_within_s and not self._outlet.deaf:
                    del self._pings[number]
                    await self._break(ClientRule.PONG_LATE, f"ping {number} unanswered for {now - sent:.2f} s")
            heard_at = self.record.received_at[-1][0] if self.record.received_at else self.record.metadata_at
            if heard_at is not None and now - heard_at > NO_INPUT_S and not self._outlet.stalled:
                await self._outlet.fail(NO_INPUT)
                return

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
