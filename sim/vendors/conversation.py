"""What the fakes of all vendors share: hearing, answering by script, speaking in bursts, failing.

A vendor's fake adds its messages: the handshake, how it says these things, and what a client may send.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
from aiohttp import WSMessage, WSMsgType, web

from common.aside import PREFIX
from sim.agent_ear import AgentEar, SpeechBegan, SpeechEnded, made_out
from sim.agent_script import AgentScript, Fault, FaultKind, Reply, ToolUse
from sim.conversation_record import Turn
from sim.flood import AUDIO_S, TEXT, TOOL, flood
from sim.sound import AudioFormat
from sim.speech import line, spoken
from sim.timeline import Timeline
from sim.vendors.lenient import read_leniently
from sim.vendors.record import BrokenRuleError, VendorRecord, VendorViolation
from sim.vendors.sounds import sound, words
from sim.wire import FakeSocket

MAX_AHEAD_S = 2.5
MAX_INPUT_GAP_S = 1.0
TOOL_PATIENCE_S = 20.0
LATE_SAMPLES = 2000
CROSSED_S = 1.0


class VendorConversation:
    """One conversation over one socket, or several in a row. Subclasses use their vendor's messages."""

    name: ClassVar[str]

    def __init__(self, script: AgentScript, timeline: Timeline) -> None:
        self.loop = asyncio.get_running_loop()
        self.script = script
        self.record = VendorRecord(script, self.loop.time())
        self.socket = FakeSocket(self.name)
        self.number = 0
        """Of the agent's current reply."""
        self._timeline = timeline
        self.transport: asyncio.BaseTransport | None = None
        self._ear: AgentEar | None = None
        self._input: AudioFormat | None = None
        self._output: AudioFormat | None = None
        self._random = random.Random(7)
        self._given: set[int] = set()
        self._keys = ""
        self._speaking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tools: dict[str, tuple[str, asyncio.Future[tuple[str, bool]]]] = {}
        self._early: list[str] = []  # calls of the current reply
        self._taken_back: dict[str, float] = {}
        self._failed_on = ""
        self._playing_until = 0.0
        self._too_fast = False
        self._stalled = False
        self._deaf = False

    # --- for the vendor's fake ---

    async def handshake(self) -> bool:
        """From the open socket to being ready for audio; calls `formats`. False: it failed."""
        raise NotImplementedError

    async def take(self, message: WSMessage) -> None:
        """One message from the client. Raises BrokenRuleError."""
        raise NotImplementedError

    async def say_begin(self, text: str) -> None:
        """A reply begins."""

    async def say_chunk(self, data: bytes) -> None:
        """Sound of the reply."""
        raise NotImplementedError

    async def say_end(self) -> None:
        """The reply was sent whole."""

    async def caller_began(self, *, interrupted: bool) -> None:
        """The caller speaks; `interrupted`: over a reply that was still to be heard."""
        raise NotImplementedError

    async def late_sound(self, data: bytes) -> None:
        """Sound of the interrupted reply that was already on its way; must not be heard."""
        await self.say_chunk(data)

    async def caller_said(self, text: str) -> None:
        """The caller has finished; `text` is what was understood."""
        raise NotImplementedError

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        """Call a tool; `early`: as part of the current reply."""
        raise NotImplementedError

    async def take_back(self, call_ids: Sequence[str]) -> bool:
        """The caller cut in: withdraw these calls. False: the vendor has no message for it."""
        return False

    async def say_failure(self, code: str) -> None:
        """A turn that failed."""
        raise NotImplementedError

    async def tell_failure(self, fault: Fault) -> None:
        """Announce a fault, if the vendor has a message for that."""

    async def tell_broken(self, broken: BrokenRuleError) -> None:
        """Say what was wrong with the client's message."""

    # --- life cycle ---

    async def run(self, request: web.Request) -> web.StreamResponse:
        """From the upgrade to the end of the conversation."""
        await self.open(request)
        try:
            if await self._greeted():
                await self.read(self.socket)
        finally:
            await self.finish(self.socket.close_code)
        return self.socket

    async def finish(self, code: int | None) -> None:
        """Stop what is running; the client closed with `code`, if it is not over anyway."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.ended("client", code)

    async def open(self, request: web.Request) -> None:
        """Answer the upgrade; the conversation goes on over this socket."""
        self.record.sockets += 1
        await asyncio.sleep(self.script.upgrade_after_s)
        await self.socket.prepare(request)
        self.transport = request.transport
        self._timeline.note("agent", "connected", self.name)

    async def _greeted(self) -> bool:
        try:
            if not await self.handshake():
                return False
        except BrokenRuleError as broken:
            await self.broken(broken)
            return False
        self.began()
        return True

    def began(self) -> None:
        """Ready for audio."""
        self.record.ready_at = self.loop.time()
        self._timeline.note("agent", "metadata", f"in {self.record.input_format}, out {self.record.output_format}")
        if self.script.fault:
            self.spawn(self.fail(self.script.fault))

    async def read(self, socket: web.WebSocketResponse) -> None:
        """Process messages on `socket` until it is closed."""
        while not socket.closed:
            if self._deaf:
                await asyncio.sleep(60.0)
                continue
            message = await socket.receive()
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                return
            try:
                await self.take(message)
            except BrokenRuleError as broken:
                await self.broken(broken)

    def read_shape(
        self, data: str | bytes, kind: Any, *, prepare: Callable[[Any], Any] = lambda message: message
    ) -> Any:
        """A message as `kind`; fields that it does not know are a warning. Raises BrokenRuleError."""
        try:
            read, unknown = read_leniently(data, kind, prepare=prepare)
        except msgspec.DecodeError as error:
            raise BrokenRuleError("wrong_shape", f"{error}: {data[:200]!r}") from None
        for name in unknown:
            self._note("unknown_field", name, tolerated=True)
        return read

    def formats(self, heard: str, spoken_format: str) -> None:
        """The agreed formats, by the names of sim.sound.FORMATS."""
        self.record.input_format, self.record.output_format = heard, spoken_format
        self._input, self._output = AudioFormat(heard), AudioFormat(spoken_format)
        script = self.script
        self._ear = AgentEar(self._input, script.speech_db, script.speech_after_ms, script.quiet_after_ms)
        self.record.received = self._ear.received

    async def send(self, message: Mapping[str, Any], *, binary: bool = False) -> None:
        """Send JSON, unless sending has stopped."""
        await self.send_bytes(msgspec.json.encode(message), binary=binary)

    async def send_bytes(self, data: bytes, *, binary: bool = True) -> None:
        """Send a message."""
        if self._stalled or self.socket.closed:
            return
        try:
            await (self.socket.send_bytes(data) if binary else self.socket.send_str(data.decode()))
        except ConnectionError:
            self.ended("client", 1006)

    async def wait_ready(self) -> None:
        """As long as the script says; for ever, if it says so."""
        if self.script.metadata_after_s is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self.script.metadata_after_s or 0.0)

    async def fail(self, fault: Fault) -> None:
        """Fail, at the scripted time."""
        await asyncio.sleep(fault.after_s)
        self._timeline.note("agent", "fails", f"{fault.kind} {fault.reason}".strip())
        match fault.kind:
            case FaultKind.CLOSE:
                if fault.error_type:
                    await self.tell_failure(fault)
                self.ended("agent", fault.code)
                await self.socket.close(code=fault.code, message=fault.reason.encode())
            case FaultKind.VANISH:
                self.ended("agent", 1006)
                if isinstance(self.transport, asyncio.WriteTransport):
                    self.transport.abort()
            case FaultKind.STALL:
                self._stalled = True
            case FaultKind.DEAF:
                self._stalled = self._deaf = True
            case FaultKind.FLOOD:
                what = fault.reason
                await flood(lambda number: self._flood(what, number), lambda: self.socket.closed)

    async def _flood(self, what: str, number: int) -> None:
        assert self._output is not None
        match what:
            case "audio":
                size = round(self._output.rate_hz * AUDIO_S)
                await self.say_chunk(self._output.encoded(np.full(size, 1000, np.int16)))
            case "agent_text":
                self.number += 1
                await self.say_begin(TEXT)
                await self.say_chunk(bytes(2 * self._output.sample_bytes))
            case "caller_text":
                await self.caller_said(TEXT)
            case "tools":
                await self.call_tool(f"flood_{number}", *TOOL)
            case "junk":
                await self.send({"type": "news", "text": TEXT})
            case _:
                await self.tell_failure(Fault(error_type="rate_limit", reason=TEXT))

    def ended(self, by: str, code: int | None) -> None:
        """Note the end; only the first time counts."""
        if self.record.ended_at is None:
            self.record.ended_at, self.record.ended_by, self.record.close_code = self.loop.time(), by, code
            self._timeline.note("agent", "ended", f"by the {by}: {code}")

    async def broken(self, broken: BrokenRuleError) -> None:
        """Note a violation, and end the conversation if it is fatal."""
        self._note(broken.rule, broken.detail, tolerated=broken.tolerated)
        if broken.fatal:
            await self.tell_broken(broken)
            self.ended("agent", 1008)
            await self.socket.close(code=1008, message=broken.rule.encode())

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside reading; ends with the conversation."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- hearing ---

    async def hear(self, data: bytes) -> None:
        """Caller audio: whole samples, continuous, in real time."""
        if self._ear is None or self._input is None:
            raise BrokenRuleError("audio_before_ready", f"{len(data)} bytes")
        if len(data) % self._input.sample_bytes:
            raise BrokenRuleError("odd_bytes", f"{len(data)} bytes of {self._input.name}", fatal=False)
        now = self.loop.time()
        arrivals = self.record.received_at
        first, last = (arrivals[0][0], arrivals[-1][0]) if arrivals else (now, now)
        arrivals.append((now, len(self.record.received)))
        heard = self._ear.hear(data)
        if now - last > MAX_INPUT_GAP_S:
            self._note("input_gap", f"nothing for {now - last:.2f} s")
        if self._ear.seconds - (now - first) > MAX_AHEAD_S and not self._too_fast:
            self._too_fast = True  # reported once: every later chunk is too fast as well
            self._note("too_fast", f"{self._ear.seconds - (now - first):.2f} s ahead of real time", tolerated=True)
        for event in heard:
            await (self._caller_began() if isinstance(event, SpeechBegan) else self._understand(event))

    def _note(self, rule: str, detail: str, *, tolerated: bool = False) -> None:
        self.record.violations.append(VendorViolation(self.loop.time(), rule, detail, tolerated))

    async def _caller_began(self) -> None:
        interrupted = self.is_heard and not self._stalled
        if interrupted:
            if self._speaking:
                self._speaking.cancel()
            self.record.interruptions.append(self.loop.time())
            self._timeline.note("agent", "interrupted")
            turn = next((turn for turn in reversed(self.record.turns) if turn.role == "agent"), None)
            if turn is not None:
                turn.interrupted = True
        self._playing_until = min(self._playing_until, self.loop.time())
        await self.caller_began(interrupted=interrupted)
        early = [call_id for call_id in self._early if call_id in self._tools]
        if interrupted and early and await self.take_back(early):
            self._timeline.note("agent", "tool_taken_back", " ".join(early))
            for call_id in early:
                self._tools.pop(call_id)[1].cancel()
                self._taken_back[call_id] = self.loop.time()
        if interrupted and self.script.late_chunk and self._output:
            await self.late_sound(self._output.encoded(spoken("sorry", self._output.rate_hz)[:LATE_SAMPLES]))

    @property
    def is_heard(self) -> bool:
        """Whether what was sent would still be playing, if the client plays it as it comes."""
        return self.loop.time() < self._playing_until

    async def _understand(self, speech: SpeechEnded) -> None:
        assert self._input is not None
        name, likeness = made_out(speech.pcm, self._input.rate_hz, self.script.lines_to_expect())
        text = line(name).text if name else "..."
        self.record.turns.append(Turn("user", text, self.loop.time(), line=name, likeness=likeness))
        self._timeline.note("agent", "made_out", text)
        await self.caller_said(text)
        self.react(f"heard:{name}" if name else "unclear")

    async def told_by_caller(self, text: str) -> bool:
        """A text that counts as speech of the caller; False if there is no reply to it."""
        self.record.told.append(text)
        self._timeline.note("agent", "told", text)
        if text.startswith(PREFIX):
            return self.noted(text)
        self._keys += "".join(character for character in text if character in "0123456789*#")
        answered = False
        for reply in self.script.replies:
            if reply.on.startswith("keys:") and self._keys.endswith(reply.on[5:]):
                self._keys = ""
                answered = self.react(reply.on) or answered
        return answered

    # --- answering ---

    def noted(self, text: str) -> bool:
        """A note from the client, not the caller's words; False if it needs no answer."""
        self.record.notes.append(text)
        self._timeline.note("agent", "noted", text)
        return "Do not answer" not in text and self.react("asked")

    def react(self, trigger: str) -> bool:
        """Give the first reply to `trigger` that has not been given yet; False if there is none."""
        for index, reply in enumerate(self.script.replies):
            if reply.on == trigger and (reply.repeat or index not in self._given):
                self._given.add(index)
                self._speaking = self.spawn(self._give(reply))
                return True
        return False

    async def _give(self, reply: Reply) -> None:
        if reply.on != "start":
            await asyncio.sleep(self.script.reply_after_ms / 1000)
        if reply.fault:
            self.spawn(self.fail(reply.fault))
        if reply.fails:
            self._failed_on = reply.on
            await self.say_failure(reply.fails)
            return
        self._early.clear()
        tool = reply.tool
        if reply.say:
            await self._say(reply.say, tool if tool and tool.early else None)
        # separate tasks: an interruption stops the words, not their consequences
        if tool and not (reply.say and tool.early):
            self.spawn(self._use(tool))
        if reply.end_call:
            self.spawn(self._use(ToolUse(name="end_call", expects_response=False)))

    def no_reply(self) -> None:
        """The script has no reply to what the client has sent."""

    def ask_again(self) -> None:
        """The client asks for the failed turn once more."""
        self.react(self._failed_on)

    async def _say(self, names: Sequence[str], tool: ToolUse | None = None) -> None:
        assert self._output is not None
        self.number += 1
        text = " ".join(words(name) for name in names)
        now = self.loop.time()
        self.record.turns.append(Turn("agent", text, now, line=" ".join(names)))
        self._timeline.note("agent", "says", text)
        await self.say_begin(text)
        if tool:
            self.spawn(self._use(tool))
        rate_hz = self._output.rate_hz
        pcm = np.concatenate([sound(name, rate_hz) for name in names])
        self._playing_until = max(now, self._playing_until)
        place = 0
        while place < pcm.size:
            milliseconds = self._random.randint(*self.script.chunk_ms)
            size = milliseconds * rate_hz // 1000 + self._random.randint(0, 13)  # not aligned
            chunk = pcm[place : place + size]
            place += size
            length_s = chunk.size / rate_hz
            self._playing_until += length_s
            self.record.sent.append((self.loop.time(), length_s))
            await self.say_chunk(self._output.encoded(chunk))
            await asyncio.sleep(length_s / self.script.burst_speed)
        await self.say_end()

    async def _use(self, tool: ToolUse) -> None:
        call_id = f"call_{len(self._tools) + len(self.record.tool_results) + 1}"
        answer: asyncio.Future[tuple[str, bool]] = self.loop.create_future()
        self._tools[call_id] = tool.name, answer
        self._timeline.note("agent", "tool", f"{tool.name} {dict(tool.parameters)}")
        if tool.early:
            self._early.append(call_id)
        await self.call_tool(call_id, tool.name, tool.parameters, early=tool.early)
        try:
            async with asyncio.timeout(TOOL_PATIENCE_S):
                result, is_error = await answer
        except asyncio.CancelledError:
            if answer.cancelled():
                return  # withdrawn
            raise
        except TimeoutError:
            if tool.expects_response:
                self._note("tool_unanswered", tool.name)
            return
        outcome = "tool_failed" if is_error else "tool"
        if not tool.expects_response or not self.react(f"{outcome}:{tool.name}"):
            self.no_reply()

    def tool_answered(self, call_id: str, result: str, *, is_error: bool) -> None:
        """The client's result. Raises BrokenRuleError for a call that does not wait for one."""
        if self.loop.time() - self._taken_back.get(call_id, -CROSSED_S) < CROSSED_S:
            return  # it was already on its way when the call was withdrawn
        name, answer = self._tools.pop(call_id, ("", None))
        if answer is None or answer.done():
            raise BrokenRuleError("unknown_tool_call", call_id, fatal=False)
        self.record.tool_results.append((name, result))
        self._timeline.note("agent", "tool_result", result)
        answer.set_result((result, is_error))
