"""What the fakes of all vendors have in common: they hear, answer by their script, and use tools.

A vendor's fake adds its messages (sim.vendors.words) and what a client may send it (`take`).
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from aiohttp import web

from common.aside import PREFIX
from sim.agent_ear import SpeechBegan
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.replies import Replies
from sim.sound import AudioFormat
from sim.speech import spoken
from sim.timeline import Timeline
from sim.vendors.hearing import Hearing
from sim.vendors.record import BrokenRuleError, Turn, VendorRecord
from sim.vendors.sounds import sound, words
from sim.vendors.tool_calls import ToolCalls
from sim.vendors.words import VendorWords

TOOL_PATIENCE_S = 20.0
LATE_SAMPLES = 2000


class VendorConversation(VendorWords):
    """One conversation over one socket, or several in a row. Subclasses use their vendor's messages."""

    def __init__(self, script: AgentScript, timeline: Timeline, record: VendorRecord | None = None) -> None:
        super().__init__(script, timeline, record or VendorRecord(script, asyncio.get_running_loop().time()))
        self.speaking: asyncio.Task[None] | None = None
        self._tools = ToolCalls()
        self._replies = Replies(script)
        self._hearing: Hearing | None = None
        self._failed_on = ""

    def begin_turn(self, reply: Reply) -> None:
        """A reply begins; nothing of it was said yet."""
        if reply.say:
            self.number += 1

    async def end_call(self) -> None:
        """Hang up: a tool that needs no answer, unless the vendor does it otherwise."""
        await self._use(ToolUse(name="end_call"), waits=False)

    # --- life ---

    async def run(self, request: web.Request) -> web.StreamResponse:
        """From the upgrade to the end of the conversation."""
        await self.open(request)
        try:
            if await self._began_well():
                await self.read(self.socket)
        finally:
            await self.finish(self.socket.close_code)
        return self.socket

    async def _began_well(self) -> bool:
        try:
            return await self.begin()
        except BrokenRuleError as broken:
            await self.broken(broken)
            return False

    async def begin(self) -> bool:
        """From the open socket to being ready for all messages. Raises BrokenRuleError. False: it is over."""
        if not await self.handshake():
            return False
        self.began()
        return True

    def began(self) -> None:
        """Ready for audio."""
        self.record.ready_at = self.loop.time()
        self.timeline.note("agent", "metadata", f"in {self.record.input_format}, out {self.record.output_format}")
        if self.script.fault:
            self.spawn(self.fail(self.script.fault))

    def formats(self, heard: str, spoken_format: str) -> None:
        """The agreed formats, by the names of sim.sound.FORMATS."""
        self.record.input_format, self.record.output_format = heard, spoken_format
        self.voice.format = AudioFormat(spoken_format)
        self._hearing = Hearing(self.script, AudioFormat(heard), self.record)

    async def wait_ready(self) -> None:
        """Wait as long as the script says, which may be for ever."""
        if self.script.metadata_after_s is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self.script.metadata_after_s or 0.0)

    # --- hearing ---

    async def hear(self, data: bytes) -> None:
        """Caller audio. Raises BrokenRuleError."""
        if self._hearing is None:
            raise BrokenRuleError("audio_before_ready", f"{len(data)} bytes")
        heard = self._hearing.hear(data)
        for rule, detail in self._hearing.broken():
            self.note(rule, detail)
        for event in heard:
            if isinstance(event, SpeechBegan):
                await self.caller_cuts_in()
            else:
                await self._understand(*self._hearing.understood(event))

    async def caller_cuts_in(self) -> None:
        """The caller begins to speak, or a text counts as speech: the agent stops."""
        interrupted = self.voice.is_heard and not self.stalled
        self.voice.stop()
        if interrupted:
            if self.speaking:
                self.speaking.cancel()
            self.record.interruptions.append(self.loop.time())
            self.timeline.note("agent", "interrupted")
        await self.caller_began(interrupted=interrupted)
        early = self._tools.early
        if interrupted and early and await self.take_back(early):
            self.timeline.note("agent", "tool_taken_back", " ".join(early))
            self._tools.take_back(early)
        output = self.voice.format
        if interrupted and self.script.late_chunk and output:
            await self.late_sound(output.encoded(spoken("sorry", output.rate_hz)[:LATE_SAMPLES]))
        turn = self.record.last_of_agent()
        if interrupted and turn is not None:
            turn.interrupted = True
            await self.corrected(turn)

    async def _understand(self, name: str, text: str, likeness: float) -> None:
        self.record.turns.append(Turn("user", text, self.loop.time(), line=name, likeness=likeness))
        self.timeline.note("agent", "made_out", text)
        await self.caller_said(text)
        self.react(f"heard:{name}" if name else "unclear")

    async def told_by_caller(self, text: str) -> bool:
        """A text that counts as speech of the caller; False if there is no reply to it."""
        self.record.told.append(text)
        self.timeline.note("agent", "told", text)
        if text.startswith(PREFIX):
            return self.noted(text)
        return self._give(self._replies.to_keys(text))

    # --- answering ---

    def noted(self, text: str) -> bool:
        """A note from the client, not the caller's words; False if it needs no answer."""
        self.record.notes.append(text)
        self.timeline.note("agent", "noted", text)
        return "Do not answer" not in text and self.react("asked")

    def react(self, trigger: str) -> bool:
        """Give the first reply to `trigger` that has not been given yet; False if there is none."""
        return self._give(self._replies.to(trigger))

    def _give(self, reply: Reply | None) -> bool:
        if reply is not None:
            self.speaking = self.spawn(self._follow(reply))
        return reply is not None

    async def _follow(self, reply: Reply) -> None:
        if reply.on != "start":
            await asyncio.sleep(self.script.reply_after_ms / 1000)
        if reply.fault:
            self.spawn(self.fail(reply.fault))
        if reply.fails:
            self._failed_on = reply.on
            await self.say_failure(reply.fails)
            return
        self._tools.new_reply()
        self.begin_turn(reply)
        tool = reply.tool
        if reply.say:
            await self._say(reply.say, tool if tool and tool.early else None)
        # separate tasks: an interruption stops the words, not their consequences
        if tool and not (reply.say and tool.early):
            self.spawn(self._use(tool))
        if reply.end_call:
            self.spawn(self.end_call())

    def no_reply(self) -> None:
        """The script has no reply to what the client has sent."""

    def ask_again(self) -> None:
        """The client asks for the failed turn once more."""
        self.react(self._failed_on)

    async def _say(self, names: Sequence[str], tool: ToolUse | None = None) -> None:
        assert self.voice.format is not None
        rate_hz = self.voice.format.rate_hz
        text = " ".join(words(name) for name in names)
        self.record.turns.append(Turn("agent", text, self.loop.time(), line=" ".join(names)))
        self.timeline.note("agent", "says", text)
        await self.say_begin(text)
        if tool:
            self.spawn(self._use(tool))
        await self.voice.say(np.concatenate([sound(name, rate_hz) for name in names]), self._send_piece)
        await self.say_end()

    async def _send_piece(self, data: bytes, length_s: float) -> None:
        if not self.stalled:
            self.record.sent.append((self.loop.time(), length_s))
        await self.say_chunk(data)

    async def _use(self, tool: ToolUse, *, waits: bool = True) -> None:
        call_id, answer = self._tools.begin(tool.name, early=tool.early)
        self.timeline.note("agent", "tool", f"{tool.name} {dict(tool.parameters)}")
        await self.call_tool(call_id, tool.name, tool.parameters, early=tool.early)
        try:
            async with asyncio.timeout(TOOL_PATIENCE_S):
                _, is_error = await answer
        except asyncio.CancelledError:
            if answer.cancelled():
                return  # withdrawn
            raise
        except TimeoutError:
            if waits:
                self.note("tool_unanswered", tool.name)
                self.react(f"tool_failed:{tool.name}")
            return
        outcome = "tool_failed" if is_error else "tool"
        if not waits or not self.react(f"{outcome}:{tool.name}"):
            self.no_reply()

    def tool_answered(self, call_id: str, result: str, *, is_error: bool) -> None:
        """The client's result. Raises BrokenRuleError for a call that does not wait for one."""
        name = self._tools.answered(call_id, result, is_error=is_error)
        if name is None:
            return
        self.record.tool_results.append((name, result))
        if not is_error:
            self.record.tools_done.append(name)
        self.timeline.note("agent", "tool_result", result)
